package paper

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ledongthuc/pdf"

	"boxoffice/internal/invoiceapi"
)

// gala is an invoice with two tiers.
func gala() invoiceapi.Document {
	zone := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 29, 14, 5, 0, 0, zone)
	return invoiceapi.Document{
		Kind: invoiceapi.Invoice, Year: 2026, Sequence: 42, EventID: "06a1b2c3d4e5f6g7", BookingID: "06a1b2c3d4e5f6g7abcdefgh23456789", PaymentID: "06a1b2c3d4e5f6g7abcdefgh23456789-1",
		Issued: at, Amount: 24750, Tax: 3952, Currency: "EUR",
		Seller: invoiceapi.Seller{ID: "hall", Version: 1, Zone: "Europe/Berlin", Contact: "tickets@stadttheater.example · +49 30 1234567", TaxNumber: "29/815/00815",
			Party: invoiceapi.Party{Name: "Stadttheater Neustadt gemeinnützige GmbH", Street: "Theaterplatz 1", PostalCode: "10115", City: "Berlin", Country: "DE", VATNumber: "DE136695976"}},
		Content: invoiceapi.Content{
			Number: "TH-2026-000042", Buyer: invoiceapi.Party{Name: "Ada Lovelace", Street: "12 St James's Square", PostalCode: "SW1Y 4JH", City: "London", Country: "GB"},
			Event: "Nacht der Geigen", Venue: "Großer Saal, Theaterplatz 1, Berlin", Starts: time.Date(2026, 12, 12, 19, 30, 0, 0, zone), Zone: "Europe/Berlin",
			TaxRate: 1900, Fees: 1500, Paid: at,
			Lines: []invoiceapi.Line{
				{Text: "Parkett", Seats: "Parkett links A 12, A 13", Quantity: 2, Each: 8250, Amount: 16500},
				{Text: "Rang", Seats: "1. Rang rechts 3 4", Quantity: 1, Each: 8250, Amount: 8250},
			},
		},
	}
}

// correction is the credit note for a part of it.
func correction() invoiceapi.Document {
	d := gala()
	d.Kind, d.Part, d.Sequence, d.Number = invoiceapi.CreditNote, 1, 43, "TH-2026-000043"
	d.Amount, d.Tax, d.Fees, d.Lines, d.Refers, d.Invoice = 8250, 1317, 500, nil, "TH-2026-000042", d.Issued
	d.Issued = d.Issued.AddDate(0, 0, 3)
	return d
}

func render(t *testing.T, d *invoiceapi.Document, lang string) []byte {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	file, err := p.PDF(t.Context(), d, lang)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// text is what is written in a file as text, without its spaces.
func text(t *testing.T, file []byte) string {
	t.Helper()
	r, err := pdf.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for n := range r.NumPage() {
		page, err := r.Page(n + 1).GetPlainText(nil)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(page)
	}
	return squeezed(all.String())
}

// squeezed leaves out spaces, of which lines that were broken have others.
func squeezed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// keep writes a file to look at.
func keep(t *testing.T, name string, file []byte) {
	t.Helper()
	if dir := os.Getenv("BOXOFFICE_PAPERS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInvoice(t *testing.T) {
	d := gala()
	for lang, want := range map[string][]string{
		"en": {"Invoice", "TH-2026-000042", "Ada Lovelace", "United Kingdom", "Germany", "VAT number DE136695976", "Tax number 29/815/00815", "Nacht der Geigen", "Parkett links A 12, A 13", "€165.00", "€247.50", "VAT 19 %", "€39.52", "€207.98", "29 Nov 2026", "12 Dec 2026", "Nothing is due"},
		"de": {"Rechnung", "Vereinigtes Königreich", "USt-IdNr. DE136695976", "165,00 €", "Umsatzsteuer 19 %", "39,52 €", "207,98 €", "247,50 €", "29.11.2026", "12.12.2026", "Vollständig bezahlt"},
	} {
		file := render(t, &d, lang)
		keep(t, "invoice-"+lang, file)
		if again := render(t, &d, lang); !bytes.Equal(again, file) {
			t.Errorf("%s: the same document is another file", lang)
		}
		got := text(t, file)
		for _, w := range want {
			if !strings.Contains(got, squeezed(w)) {
				t.Errorf("%s: %q is missing in\n%s", lang, w, got)
			}
		}
	}
}

func TestCreditNote(t *testing.T) {
	d := correction()
	for lang, want := range map[string][]string{
		"en": {"Credit note", "TH-2026-000043", "Refund for invoice TH-2026-000042 of 29 Nov 2026", "-€82.50", "-€13.17", "2 Dec 2026", "paid back"},
		"de": {"Rechnungskorrektur", "Erstattung zur Rechnung TH-2026-000042 vom 29.11.2026", "-82,50 €", "2.12.2026", "zurückgezahlt"},
	} {
		file := render(t, &d, lang)
		keep(t, "credit-"+lang, file)
		got := text(t, file)
		for _, w := range want {
			if !strings.Contains(got, squeezed(w)) {
				t.Errorf("%s: %q is missing in\n%s", lang, w, got)
			}
		}
	}
}

// Long names of any script, many seats and large amounts stay on the pages.
func TestLongInvoice(t *testing.T) {
	d := gala()
	d.Test = true
	d.Seller.Name = strings.Repeat("Gesellschaft zur Förderung der Kammermusik ", 4)
	d.Buyer.Name = "محمد عبد الله بن عبد الرحمن آل سعود 방탄소년단 Ελευθέριος"
	d.Seller.TaxNote = "Umsatzsteuerfrei nach § 4 Nr. 20 Buchst. a UStG."
	d.TaxRate, d.Tax, d.Currency, d.Amount = 0, 0, "JPY", 100_000_000_000
	d.Event = strings.Repeat("Donaudampfschifffahrtsgesellschaftskapitän ", 5)
	d.Lines = nil
	for i := range 12 {
		d.Lines = append(d.Lines, invoiceapi.Line{Text: strings.Repeat("Stehplatz ", 1+i), Seats: strings.TrimSuffix(strings.Repeat("Parkett A 12, ", 40), ", "), Quantity: 40, Each: 208_333_333, Amount: 8_333_333_333})
	}
	d.Lines = append(d.Lines, invoiceapi.Line{Amount: 5})
	file := render(t, &d, "de")
	keep(t, "long", file)
	got := text(t, file)
	for _, w := range []string{"TEST", "Seite 1 von 4", "Seite 4 von 4", "100.000.000.000", "§ 4 Nr. 20", "inzwischen zurückgegeben"} {
		if !strings.Contains(got, squeezed(w)) {
			t.Errorf("%q is missing", w)
		}
	}
}

// The longest names and addresses that parties can have are whole, above what follows.
func TestLongParties(t *testing.T) {
	d := gala()
	d.Buyer = invoiceapi.Party{
		Name: strings.TrimSpace(strings.Repeat("Παγκόσμια Εταιρεία ", 10)), Street: strings.TrimSpace(strings.Repeat("Verlängerte Sträßchengasse ", 7)), PostalCode: "SW1Y 4JH 1234567890",
		City: strings.TrimSpace(strings.Repeat("Llanfairpwllgwyn ", 5)), Country: "GB", VATNumber: "GB980780684",
	}
	d.Seller.Name, d.Seller.Contact = d.Buyer.Name, strings.TrimSpace(strings.Repeat("tickets@stadttheater.example ", 10))
	file := render(t, &d, "de")
	keep(t, "parties", file)
	got := text(t, file)
	for _, w := range []string{"An" + d.Buyer.Name + d.Buyer.Street + d.Buyer.PostalCode + d.Buyer.City, d.Seller.Contact, "Vereinigtes Königreich", "GB980780684", "Nacht der Geigen", "247,50"} {
		if !strings.Contains(got, squeezed(w)) {
			t.Errorf("%q is missing in %s", w, got)
		}
	}
}

func TestRate(t *testing.T) {
	for r, want := range map[int64]string{1900: "19", 850: "8,5", 525: "5,25", 1000: "10", 7: "0,07"} {
		if got := rate("de", r); got != want {
			t.Errorf("%d: %s, want %s", r, got, want)
		}
	}
}
