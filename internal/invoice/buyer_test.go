package invoice

import (
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
)

var firm = invoiceapi.Party{Name: " Lovelace & Babbage GmbH ", Street: "Rechenweg 12", PostalCode: "10115", City: "Berlin", Country: "de", VATNumber: "de 136 695 976"}

// stored is firm as it is stored.
var stored = invoiceapi.Party{Name: "Lovelace & Babbage GmbH", Street: "Rechenweg 12", PostalCode: "10115", City: "Berlin", Country: "DE", VATNumber: "DE136695976"}

// pending makes a booking that is not paid yet; pay pays it.
func (w *world) pending(number int) (bookingID string, pay func()) {
	bookingID = w.sell("gala", number, 2)
	w.mu.Lock()
	defer w.mu.Unlock()
	b, p := w.bookings[bookingID], w.payments[bookingID]
	held := b
	held.Status = bookingapi.Pending
	w.bookings[bookingID] = held
	delete(w.payments, bookingID)
	return bookingID, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.bookings[bookingID], w.payments[bookingID] = b, p
	}
}

// Buyers say until they pay whom the invoice names, and credit notes name the same.
func TestBuyers(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	ctx := t.Context()
	b, pay := w.pending(1)
	if got, err := w.Buyer(ctx, fan, b); err != nil || got != (invoiceapi.Buyer{}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := w.SetBuyer(ctx, fan, b, errs.NotYet, firm); err != nil || got.Party != stored || got.Version != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err := w.SetBuyer(ctx, fan, b, 7, firm); err != nil || got.Version != 1 { // the same again
		t.Errorf("%+v %v", got, err)
	}
	other := firm
	other.City = "Bonn"
	for _, version := range []int64{2, errs.NotYet} {
		if _, err := w.SetBuyer(ctx, fan, b, version, other); !errs.Is(err, "changed-meanwhile") {
			t.Errorf("version %d: %v", version, err)
		}
	}
	if got, err := w.SetBuyer(ctx, admin, b, 1, other); err != nil || got.Version != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := w.Buyer(ctx, fan, b); err != nil || got.City != "Bonn" || got.Version != 2 || got.Number != "" {
		t.Errorf("%+v %v", got, err)
	}
	pay()
	if got, err := w.SetBuyer(ctx, fan, b, 0, firm); err != nil || got.Version != 3 { // paid, and not issued yet
		t.Errorf("%+v %v", got, err)
	}
	list := w.documents(t, b)
	if len(list) != 1 || list[0].Buyer != stored || list[0].Tax != 654 {
		t.Errorf("%+v", list)
	}
	if _, err := w.SetBuyer(ctx, fan, b, 0, other); !errs.Is(err, "invoice-issued") {
		t.Error(err)
	}
	w.giveBack(b, 5000, 1)
	w.giveBack(b, 5000, 1)
	w.mu.Lock()
	over := w.bookings[b]
	over.Status = bookingapi.Cancelled
	w.bookings[b] = over
	w.mu.Unlock()
	if list = w.documents(t, b); len(list) != 3 || list[2].Buyer != stored {
		t.Errorf("%+v", list)
	}
	if got, err := w.Buyer(ctx, fan, b); err != nil || got.Party != stored || got.Number != list[0].Number || got.Version != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if left, err := w.store.buyer(ctx, w.db.Reader(), list[0].EventID, b); err != nil || left.Version != 0 {
		t.Errorf("it is kept beside the invoice: %+v %v", left, err)
	}
}

// What is taken back is not on the invoice, which has the account's name then, as that of a
// buyer who has said nothing.
func TestBuyersTakeBack(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	b, pay := w.pending(1)
	silent, paySilent := w.pending(2)
	for _, p := range []invoiceapi.Party{firm, {}} {
		if _, err := w.SetBuyer(t.Context(), fan, b, 0, p); err != nil {
			t.Fatal(err)
		}
	}
	pay()
	paySilent()
	for _, b := range []string{b, silent} {
		if list := w.documents(t, b); len(list) != 1 || list[0].Buyer != (invoiceapi.Party{Name: "Name of fan"}) {
			t.Errorf("%+v", list)
		}
	}
}

func TestWhoMaySayWhomInvoicesName(t *testing.T) {
	w := newWorld(t)
	b, _ := w.pending(1)
	if _, err := w.SetBuyer(t.Context(), fan, b, 0, firm); !errs.Is(err, "no-invoice") {
		t.Errorf("of a seller without details: %v", err)
	}
	w.introduce(t)
	for c, want := range map[caller.Caller]errs.Kind{rival: errs.NotFound, {}: errs.Unauthenticated, hall: errs.Forbidden, {UserID: "other", Role: caller.Customer}: errs.NotFound} {
		_, one := w.Buyer(t.Context(), c, b)
		_, two := w.SetBuyer(t.Context(), c, b, 0, firm)
		for _, err := range []error{one, two} {
			if errs.KindOf(err) != want {
				t.Errorf("%s: %v", c.UserID, err)
			}
		}
	}
	for name, change := range map[string]func(*bookingapi.Booking){
		"free":      func(b *bookingapi.Booking) { b.Amount = 0 },
		"expired":   func(b *bookingapi.Booking) { b.Status = bookingapi.Expired },
		"cancelled": func(b *bookingapi.Booking) { b.Status = bookingapi.Cancelled },
	} {
		was := w.bookings[b]
		now := was
		change(&now)
		w.bookings[b] = now
		_, one := w.Buyer(t.Context(), fan, b)
		_, two := w.SetBuyer(t.Context(), fan, b, 0, firm)
		for _, err := range []error{one, two} {
			if !errs.Is(err, "no-invoice") {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.bookings[b] = was
	}
}

func TestBadBuyers(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	b, _ := w.pending(1)
	for field, c := range map[string]struct {
		change func(*invoiceapi.Party)
		code   string
	}{
		"name":       {func(p *invoiceapi.Party) { p.Name = " " }, "required"},
		"street":     {func(p *invoiceapi.Party) { p.Street = "a\u202eb" }, "invisible-characters"},
		"city":       {func(p *invoiceapi.Party) { p.City = "" }, "required"},
		"country":    {func(p *invoiceapi.Party) { p.Country = "" }, "not-a-country"},
		"vat_number": {func(p *invoiceapi.Party) { p.VATNumber = "DE136695977" }, "vat-number-mistyped"},
	} {
		p := firm
		c.change(&p)
		_, err := w.SetBuyer(t.Context(), fan, b, 0, p)
		if e := errs.Of(err); e == nil || len(e.Fields) != 1 || e.Fields[0].Name != field || e.Fields[0].Code != c.code {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Whoever is told that their details are stored has them on the invoice, whenever that is
// issued.
func TestBuyersWhileInvoicesAreIssued(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	other := w.node(t)
	for n := range 20 {
		b, pay := w.pending(n)
		pay()
		var group sync.WaitGroup
		var refused error
		group.Go(func() { _, refused = other.SetBuyer(t.Context(), fan, b, 0, firm) })
		group.Go(func() { w.documents(t, b) })
		group.Wait()
		if refused != nil && !errs.Is(refused, "invoice-issued") {
			t.Fatal(refused)
		}
		if d := w.documents(t, b)[0]; (d.Buyer == stored) != (refused == nil) {
			t.Errorf("%d: the answer was %v, and the invoice names %+v", n, refused, d.Buyer)
		}
	}
}

// Of bookings that are never paid nothing stays.
func TestBuyersAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	for n, age := range []time.Duration{buyersKept + time.Second, buyersKept - time.Second} {
		b, _ := w.pending(n)
		if _, err := w.SetBuyer(t.Context(), fan, b, 0, firm); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(age)
		if err := w.forgetBuyers(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Buyer(t.Context(), fan, b); err != nil || (got.Version == 0) != (age > buyersKept) {
			t.Errorf("after %s: %+v %v", age, got, err)
		}
	}
}
