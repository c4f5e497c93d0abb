package invoice

import (
	"slices"
	"testing"
	"time"

	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
)

// Documents about test money say so and have numbers of tests, whatever the program's mode
// is when they are issued; credit notes go by their invoice.
func TestNumbersGoByThePayment(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	number := 0
	// documents issues an invoice in a mode of the program, and a credit note in another.
	documents := func(gateway string, test, first, then bool) (list []string) {
		t.Helper()
		number++
		b := w.sell("gala", number, 2)
		w.set(b, func(p *paymentapi.Payment) { p.Gateway, p.Test = gateway, test })
		w.Service.cfg.Test = first
		w.documents(t, b)
		w.giveBack(b, 5000, 1)
		w.Service.cfg.Test = then
		for _, d := range w.documents(t, b) {
			if d.Test != w.stored(t, &d).test {
				t.Errorf("%s says that it is a test: %t", d.Number, d.Test)
			}
			list = append(list, d.Number)
		}
		return list
	}
	for _, c := range []struct {
		gateway           string
		test, first, then bool
		want              []string
	}{
		{"stripe", true, false, false, []string{"TEST-TH-2026-000001", "TEST-TH-2026-000002"}},
		{"stripe", true, true, false, []string{"TEST-TH-2026-000003", "TEST-TH-2026-000004"}},
		{"stripe", false, false, true, []string{"TH-2026-000001", "TH-2026-000002"}},
		{"stripe", false, true, true, []string{"TH-2026-000003", "TH-2026-000004"}},
		{"", false, true, false, []string{"TEST-TH-2026-000005", "TEST-TH-2026-000006"}}, // it named no gateway
		{"", false, false, true, []string{"TH-2026-000005", "TH-2026-000006"}},
	} {
		if got := documents(c.gateway, c.test, c.first, c.then); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for _, test := range []bool{false, true} {
		w.Service.cfg.Test = test
		list, err := w.OfSeller(t.Context(), hall, "hall", 2026, 0, 100)
		if err != nil || len(list) != 6 || list[0].Test != test || list[5].Sequence != 6 {
			t.Errorf("%t: %+v, %v", test, list, err)
		}
	}
}

// Payments of both modes can be issued at once.
func TestNumbersOfBothModesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	var ids []string
	for i := range 6 {
		ids = append(ids, w.sell("gala", i, 1))
		w.set(ids[i], func(p *paymentapi.Payment) { p.Gateway, p.Test = "stripe", i%3 == 0 })
	}
	dues, err := w.due(t.Context(), ids)
	if err == nil {
		err = w.issue(t.Context(), dues)
	}
	if n := w.numbers(t, "hall"); err != nil || n != 4 {
		t.Errorf("%d documents about real money: %v", n, err)
	}
	w.now = w.now.Add(-time.Hour) // the clock is set back: dates ascend
	w.documents(t, w.sell("gala", 9, 1))
	if n := w.numbers(t, "hall"); n != 5 {
		t.Errorf("%d documents about real money", n)
	}
}

// stored is the row of a document.
func (w *world) stored(t *testing.T, d *invoiceapi.Document) row {
	t.Helper()
	rows, err := w.store.rows(t.Context(), w.db.Reader(), sqlOfBooking, d.EventID, d.BookingID+"-", d.BookingID+".")
	if err != nil || int(d.Part) >= len(rows) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[d.Part]
}

// A settlement is about the money of the program's mode. Postings that name no gateway are
// of that mode.
func TestSettlementOfAMode(t *testing.T) {
	w := newWorld(t)
	event := w.firstEvent()
	for i, amount := range []int64{10_000, 500, 7} {
		w.post("captured", to(gate, amount), to(org, -amount))
		w.journal[i].Gateway, w.journal[i].Test = []string{"stripe", "stripe", ""}[i], i == 0
	}
	w.post("captured", to(gate, 30), to(org, -30))
	w.journal[3].Gateway, w.journal[3].Test, w.journal[3].Currency = "stripe", true, "USD"
	for test, want := range map[bool][]int64{false: {507}, true: {10_007, 30}} {
		w.Service.cfg.Test = test
		s, err := w.Settlement(t.Context(), hall, event)
		if err != nil || len(s.Items) != len(want) {
			t.Fatalf("%+v %v", s, err)
		}
		for i := range want {
			if s.Items[i].Gross != want[i] || s.Items[i].AtGateway != want[i] {
				t.Errorf("in test mode: %t: %+v", test, s.Items[i])
			}
		}
	}
}
