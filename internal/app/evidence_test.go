package app

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"boxoffice/internal/caller"
)

// From a payment to its papers: the invoice of the buyer, the settlement and the evidence
// of the organizer.
func TestPapersOfAPayment(t *testing.T) {
	h := newHouse(t)
	org, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	h.must(t, org, "PUT", "/sellers/"+org.UserID, aSeller, "name")
	event := h.must(t, org, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price":5000`, `"price":5000,"cancellation_fees":[{"fee_rate":2500}],"refundable_until":"2099-02-01T00:00:00Z"`, 1), "id")
	booking := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":2}`, event), "id")
	for form, want := range map[string]int{"name=Firm&street=Rechenweg+12&city=Berlin&country=DE&vat_number=DE136695977": 422, "name=Firm&street=Rechenweg+12&city=Berlin&country=DE&vat_number=DE136695976": 303} {
		if r := h.ask(t, ann, "POST", "/orders/"+booking+"/invoice-details", form, "Accept", "text/html"); r.Code != want || want == 303 && r.Header().Get("Location") != "/checkout/"+booking {
			t.Errorf("details for the invoice: %d %s", r.Code, r.Body)
		}
	}
	if page := h.ask(t, ann, "GET", "/checkout/"+booking, "", "Accept", "text/html").Body.String(); !strings.Contains(page, "<bdi>Firm</bdi>") || !strings.Contains(page, "(DE136695976)") {
		t.Errorf("the checkout does not say whom the invoice names:\n%s", page)
	}
	h.must(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, booking), "id")

	var list struct {
		Items []struct {
			Number, PDF string
			Amount, Tax int64
			Seller      struct{ Name string }
			Buyer       struct{ Name string }
			Test        bool
		}
	}
	if err := json.Unmarshal(h.ask(t, ann, "GET", "/bookings/"+booking+"/invoices", "").Body.Bytes(), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	d := list.Items[0]
	if !strings.HasPrefix(d.Number, "TEST-") || !strings.HasSuffix(d.Number, "-000001") || d.Amount != 10000 || d.Tax != 654 || d.Seller.Name != "Stadttheater" || d.Buyer.Name != "Firm" || !d.Test {
		t.Errorf("%+v", d)
	}
	if r := h.ask(t, ann, "GET", d.PDF, "", "Accept-Language", "de"); r.Code != 200 || !strings.HasPrefix(r.Body.String(), "%PDF") {
		t.Errorf("%s: %d", d.PDF, r.Code)
	}
	page := h.ask(t, ann, "GET", "/orders/"+booking+"/invoices", "", "Accept", "text/html").Body.String()
	if !strings.Contains(page, d.Number) {
		t.Errorf("the page of the invoices: %s", page)
	}

	if page := h.ask(t, ann, "GET", "/orders/"+booking+"/invoice-details", "", "Accept", "text/html").Body.String(); !strings.Contains(page, "Invoice "+d.Number+" is issued") || strings.Contains(page, `name="vat_number"`) {
		t.Errorf("the details of an issued invoice:\n%s", page)
	}

	var settled struct {
		Items []struct{ Gross, Due, Reserve, Payout int64 }
	}
	if err := json.Unmarshal(h.ask(t, org, "GET", "/events/"+event+"/settlement", "").Body.Bytes(), &settled); err != nil || len(settled.Items) != 1 || settled.Items[0].Gross != 10000 || settled.Items[0].Reserve != 10000 || settled.Items[0].Payout != 0 {
		t.Errorf("%+v %v", settled, err)
	}

	// What the organizer changes afterwards is not what the buyer was shown.
	h.must(t, org, "PUT", "/events/"+event, `{"cancellation_fees":[{"fee_rate":9000}],"refundable_until":"2099-01-15T00:00:00Z"}`, "id")
	files := unpacked(t, h.ask(t, org, "GET", "/organizer/events/"+event+"/orders/"+booking+"/evidence.zip", "").Body.Bytes())
	for name, want := range map[string][]string{
		"summary.txt":     {"ann", "100.00 EUR", "From the beginning the organizer keeps 25 % of the price of a seat.", "cancelled until 2099-02-01T00:00:00Z", "captured", "75.00 EUR until 2099-02-01T00:00:00Z"},
		"payment.csv":     {"at_gateway", "captured", "100.00,EUR"},
		"emails.csv":      {"made_at,kind,to"},
		d.Number + ".pdf": {"%PDF"},
	} {
		for _, w := range want {
			if !strings.Contains(files[name], w) {
				t.Errorf("%s lacks %q:\n%.2000s", name, w, files[name])
			}
		}
	}
	desk := h.ask(t, org, "GET", "/organizer/events/"+event+"/orders/"+booking, "", "Accept", "text/html").Body.String()
	if i := strings.Index(desk, `id="payment"`); i < 0 || !strings.Contains(desk[i:], "Paid <strong") || !strings.Contains(desk[i:], "evidence.zip") {
		t.Errorf("the page of the order has no steps of the payment:\n%s", desk)
	}
	if strings.Contains(files["summary.txt"], "90 %") {
		t.Errorf("the summary has terms that came later:\n%s", files["summary.txt"])
	}
}

// unpacked reads the files of an archive.
func unpacked(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}
