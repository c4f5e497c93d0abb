package paper

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"boxoffice/internal/id"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/ticket/sheet"
)

// The columns of the table, by their right edges.
const (
	quantityAt = right - 172
	eachAt     = right - 84
	textWidth  = quantityAt - left - 62
)

// How many lines a party's name and each line of its address may take: the longest in the
// widest letters.
const (
	nameLines    = 12
	addressLines = 10
)

// seatLines is how many lines the seats of one tier may take.
const seatLines = 40

// document writes an invoice or a credit note. Its pages are counted by writing it twice
// when it has more than one.
func (w *writer) document(d *invoiceapi.Document) {
	w.test, w.foot = d.Test, strings.Join(nonEmpty(d.Seller.Name, d.Seller.Contact), " · ")
	w.pages = w.countPages(d)
	w.begin()
	w.head(d)
	w.columns()
	for i := range d.Lines {
		w.line(d, &d.Lines[i])
	}
	if d.Kind == invoiceapi.CreditNote {
		w.refund(d)
	}
	w.totals(d)
	w.close(d)
}

// head writes the seller, the buyer and what identifies the document.
func (w *writer) head(d *invoiceapi.Document) {
	const column = left + 0.56*inner
	s := &d.Seller
	w.Font(sheet.Bold, 11)
	y := w.block(ink, column, 62, right-column, 14, nameLines, s.Name)
	w.Font(sheet.Regular, 9)
	y = w.block(grey, column, y+1, right-column, 12, addressLines, append(w.address(&s.Party), w.tax(s.VATNumber, s.TaxNumber)...)...)
	below := w.block(grey, column, y, right-column, 12, addressLines, s.Contact)

	w.Font(sheet.Bold, 24)
	w.Text(ink, left, 78, w.t(titleOf(d)))
	w.Font(sheet.Regular, 8)
	w.Text(grey, left, 132, w.t("to"))
	w.Font(sheet.Bold, 11)
	y = w.block(ink, left, 147, column-left-24, 14, nameLines, d.Buyer.Name)
	w.Font(sheet.Regular, 9.5)
	y = w.block(ink, left, y, column-left-24, 13, addressLines, append(w.address(&d.Buyer), w.tax(d.Buyer.VATNumber, "")...)...)

	w.y = max(232, y+12, below+12)
	w.rule(w.y - 12)
	facts := [][2]string{{w.t("number"), d.Number}, {w.t("issued"), w.date(d.Issued)}, {w.t("order"), id.Reference(d.BookingID)}, {w.t("served"), w.day(&d.Content)}}
	for i, f := range facts {
		x, most := left+float64(i)*inner/4, inner/4-10
		w.Font(sheet.Regular, 8)
		w.Text(grey, x, w.y+4, f[0])
		w.Shrink(sheet.Bold, f[1], most, 10.5, 7)
		w.Text(ink, x, w.y+18, w.Cut(f[1], most))
	}
	w.rule(w.y + 30)
	w.y += 54
	w.Font(sheet.Bold, 13)
	w.y = w.block(ink, left, w.y, inner, 16, 3, d.Event)
	w.Font(sheet.Regular, 9.5)
	w.y = w.block(grey, left, w.y, inner, 13, 2, d.Venue) + 12
}

// tax names a VAT number and a tax number.
func (w *writer) tax(vatNumber, taxNumber string) (list []string) {
	if vatNumber != "" {
		list = append(list, w.t("vat", "Number", vatNumber))
	}
	if taxNumber != "" {
		list = append(list, w.t("taxno", "Number", taxNumber))
	}
	return list
}

// columns writes the head of the table.
func (w *writer) columns() {
	w.Font(sheet.Regular, 8)
	w.Text(grey, left, w.y, w.t("col.text"))
	w.rightText(grey, quantityAt, w.y, w.t("col.quantity"))
	w.rightText(grey, eachAt, w.y, w.t("col.each"))
	w.rightText(grey, right, w.y, w.t("col.amount"))
	w.rule(w.y + 6)
	w.y += 22
}

// line writes a line of an invoice, over several pages if its seats need them.
func (w *writer) line(d *invoiceapi.Document, l *invoiceapi.Line) {
	if w.room(30) {
		w.columns()
	}
	text := l.Text
	if l.Quantity == 0 {
		text = w.t("returned")
	}
	w.Font(sheet.Regular, 10)
	if l.Quantity > 0 {
		w.rightText(ink, quantityAt, w.y, locale.Number(w.lang, l.Quantity))
		w.rightText(ink, eachAt, w.y, w.money(d, l.Each))
	}
	w.rightText(ink, right, w.y, w.money(d, l.Amount))
	w.Font(sheet.Bold, 10)
	w.y = w.block(ink, left, w.y, textWidth, 13, 3, text)
	w.Font(sheet.Regular, 8.5)
	if l.Seats != "" {
		for _, seats := range w.Wrap(l.Seats, textWidth, seatLines) {
			if w.room(12) {
				w.columns()
				w.Font(sheet.Regular, 8.5)
			}
			w.Text(grey, left, w.y, seats)
			w.y += 11.5
		}
	}
	w.y += 9
}

// refund writes the only line of a credit note.
func (w *writer) refund(d *invoiceapi.Document) {
	w.Font(sheet.Regular, 10)
	w.rightText(ink, right, w.y, w.money(d, d.Amount))
	w.Font(sheet.Bold, 10)
	w.y = w.block(ink, left, w.y, textWidth+60, 13, 3, w.t("refund", "Number", d.Refers, "Date", w.date(d.Invoice))) + 9
}

// totals writes what the amount consists of.
func (w *writer) totals(d *invoiceapi.Document) {
	const from = left + 0.45*inner
	w.room(110)
	w.rule(w.y - 4)
	w.y += 14
	row := func(font string, size float64, label string, amount int64) {
		w.Font(font, size)
		w.Text(ink, from, w.y, w.Cut(label, right-from-90))
		w.rightText(ink, right, w.y, w.money(d, amount))
		w.y += size + 6
	}
	if d.Fees > 0 {
		row(sheet.Regular, 9.5, w.t("fees"), d.Fees)
	}
	if d.TaxRate > 0 {
		row(sheet.Regular, 9.5, w.t("net"), d.Net())
		row(sheet.Regular, 9.5, w.t("tax", "Rate", rate(w.lang, d.TaxRate)), d.Tax)
	}
	w.Fill(line, from, w.y-9, right-from, 0.7)
	w.y += 6
	total := "total"
	if d.Kind == invoiceapi.CreditNote {
		total = "total.back"
	}
	row(sheet.Bold, 13, w.t(total), d.Amount)
}

// close writes what is said below the total.
func (w *writer) close(d *invoiceapi.Document) {
	w.y += 10
	w.room(60)
	w.Font(sheet.Regular, 9)
	said := "paid"
	if d.Kind == invoiceapi.CreditNote {
		said = "back"
	}
	w.y = w.block(ink, left, w.y, inner, 12, 4, w.t(said, "Date", w.date(d.Paid)), d.Seller.TaxNote)
}

// countPages returns how many pages the document has.
func (w *writer) countPages(d *invoiceapi.Document) int {
	long := len(d.Event) + len(d.Venue)
	for _, p := range []invoiceapi.Party{d.Seller.Party, d.Buyer} {
		long += len(p.Name) + len(p.Street) + len(p.City)
	}
	for i := range d.Lines {
		long += len(d.Lines[i].Text) + len(d.Lines[i].Seats)
	}
	if len(d.Lines) <= 4 && long < 400 {
		return 1 // certainly
	}
	s, err := sheet.New(sheet.Info{Width: width, Height: height})
	if err != nil {
		return 1 // the same error comes again
	}
	try := &writer{Sheet: s, words: w.words, lang: w.lang, test: w.test, foot: w.foot, pages: 1}
	try.begin()
	try.head(d)
	try.columns()
	for i := range d.Lines {
		try.line(d, &d.Lines[i])
	}
	try.totals(d)
	try.close(d)
	return try.page
}

func (w *writer) money(d *invoiceapi.Document, amount int64) string {
	if d.Kind == invoiceapi.CreditNote {
		amount = -amount
	}
	return locale.Money(w.lang, amount, d.Currency)
}

func (w *writer) date(t time.Time) string { return locale.When(w.lang, t, locale.Date) }

// day is the day of the event: that of the service.
func (w *writer) day(c *invoiceapi.Content) string {
	if !c.Starts.IsZero() {
		return w.date(c.Starts)
	}
	if day, err := time.Parse(time.DateOnly, c.Date); err == nil {
		return w.date(day)
	}
	return w.t("served.unknown")
}

// rate writes hundredths of a percent: 19, 8.5 or 5,25.
func rate(lang string, r int64) string {
	text := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(float64(r)/100, 'f', 2, 64), "0"), ".")
	if lang == "de" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

// address is a party's address in lines.
func (w *writer) address(p *invoiceapi.Party) []string {
	country := ""
	if region, err := language.ParseRegion(p.Country); err == nil {
		country = display.Regions(language.Make(w.lang)).Name(region)
	}
	return nonEmpty(p.Street, strings.TrimSpace(p.PostalCode+" "+p.City), country)
}

func nonEmpty(texts ...string) (list []string) {
	for _, t := range texts {
		if t != "" {
			list = append(list, t)
		}
	}
	return list
}
