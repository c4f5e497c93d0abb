package invoice

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
)

// A paid booking has an invoice, and each refund its credit note, with the numbers of one
// series.
func TestDocumentsOfABooking(t *testing.T) {
	w := newWorld(t)
	b := w.sell("gala", 1, 3)
	if list := w.documents(t, b); len(list) != 0 {
		t.Errorf("documents of a seller without details: %+v", list)
	}
	w.introduce(t)
	list := w.documents(t, b)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	d := list[0]
	line := invoiceapi.Line{Text: "Stalls", Seats: "Stalls A 1, A 2, A 3", Quantity: 3, Each: 5000, Amount: 15000}
	if d.Number != "TH-2026-000001" || d.Kind != invoiceapi.Invoice || d.Amount != 15000 || d.Tax != 981 || d.Net() != 14019 || d.TaxRate != 700 || d.Fees != 1500 ||
		len(d.Lines) != 1 || d.Lines[0] != line || d.Seller.Name != "Stadttheater Neustadt gGmbH" || d.Seller.VATNumber != "DE136695976" || d.Buyer.Name != "Name of fan" ||
		d.Event != "gala" || d.Venue != "Old Hall, Berlin" || d.Issued.Format(time.RFC3339) != "2026-11-29T13:00:00+01:00" || !d.Paid.Equal(w.now) || d.BookingID != b || d.Test {
		t.Errorf("%+v", d)
	}
	w.now = w.now.Add(time.Hour)
	w.giveBack(b, 5000, 1)
	w.giveBack(b, 1000, 0)
	w.now = w.now.Add(time.Hour)
	w.giveBack(b, 9000, 2)
	list = w.documents(t, b)
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	var amount, tax, fees int64
	for i, d := range list[1:] {
		amount, tax, fees = amount+d.Amount, tax+d.Tax, fees+d.Fees
		if d.Kind != invoiceapi.CreditNote || d.Number != fmt.Sprintf("TH-2026-00000%d", i+2) || d.Refers != "TH-2026-000001" || !d.Invoice.Equal(list[0].Issued) || d.Lines != nil || d.Part != int64(i+1) {
			t.Errorf("%+v", d)
		}
	}
	if amount != 15000 || tax != 981 || fees != 1500 || list[1].Tax != 327 {
		t.Errorf("%d with %d tax and %d fees went back", amount, tax, fees)
	}
	if again := w.documents(t, b); fmt.Sprint(again) != fmt.Sprint(list) {
		t.Errorf("they have changed: %+v", again)
	}
	for _, lang := range []string{"en", "de"} {
		if file, err := w.PDF(t.Context(), &list[0], lang); err != nil || !strings.HasPrefix(string(file), "%PDF") {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

// Seats of price lists with rules carry their own tax. If some were given back before the
// invoice was issued, the sums are right nevertheless.
func TestTaxOfRules(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	w.event("ball", "hall", &seating.FeeRules{FeeRate: 1000, TaxRate: 1900, Rounding: "half_up"}, seating.Tier{Name: "Ball", Price: 13090, Face: 10000, Fee: 1000, Tax: 2090, Fees: 3090})
	b := w.sell("ball", 1, 2)
	d := w.documents(t, b)[0]
	if d.Tax != 4180 || d.TaxRate != 1900 || d.Fees != 2000 {
		t.Errorf("%+v", d)
	}
	late := w.sell("ball", 2, 3)
	w.giveBack(late, 13090, 1)
	list := w.documents(t, late)
	if len(list) != 2 || list[0].Amount != 39270 || list[0].Tax != 6270 || list[0].Fees != 3000 || len(list[0].Lines) != 2 || list[0].Lines[1] != (invoiceapi.Line{Amount: 13090}) || list[1].Tax != 2090 || list[1].Fees != 1000 {
		t.Errorf("%+v", list)
	}
	late = w.sell("gala", 3, 3)
	w.giveBack(late, 5000, 1)
	if list = w.documents(t, late); len(list) != 2 || list[0].Fees != 1500 || list[1].Fees != 500 {
		t.Errorf("%+v", list)
	}
}

// What is not paid, costs nothing, or was given up has no documents.
func TestNothingDue(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	for i, change := range []func(*paymentapi.Payment){
		func(p *paymentapi.Payment) { p.Status = paymentapi.Pending },
		func(p *paymentapi.Payment) { p.Status = paymentapi.Authorized },
		func(p *paymentapi.Payment) { p.Status = paymentapi.Failed },
		func(p *paymentapi.Payment) { p.Amount = 0 },
		func(p *paymentapi.Payment) {
			p.Status, p.History = paymentapi.Refunded, append(p.History, paymentapi.Step{Status: paymentapi.Returning}, paymentapi.Step{Status: paymentapi.Refunded, Amount: p.Amount})
		},
	} {
		b := w.sell("gala", i, 1)
		w.set(b, change)
		if list := w.documents(t, b); len(list) != 0 {
			t.Errorf("%d: %+v", i, list)
		}
	}
}

func TestWhoMayRead(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	b := w.sell("gala", 1, 1)
	for _, c := range []caller.Caller{fan, hall, admin, caller.System} {
		if list, err := w.OfBooking(t.Context(), c, b, ""); err != nil || len(list) != 1 {
			t.Errorf("%s: %d, %v", c.UserID, len(list), err)
		}
	}
	if list, err := w.OfBooking(t.Context(), caller.Caller{}, b, "good"); err != nil || len(list) != 1 {
		t.Errorf("by link: %d, %v", len(list), err)
	}
	for _, c := range []caller.Caller{hall, admin} {
		if list, err := w.OfSeller(t.Context(), c, "hall", 2026, 0, 10); err != nil || len(list) != 1 {
			t.Errorf("%s: %d, %v", c.UserID, len(list), err)
		}
		if years, err := w.Years(t.Context(), c, "hall"); err != nil || len(years) != 1 || years[0] != 2026 {
			t.Errorf("%s: %d, %v", c.UserID, years, err)
		}
	}
	for c, want := range map[caller.Caller]errs.Kind{rival: errs.NotFound, {}: errs.Unauthenticated, fan: errs.NotFound} {
		_, a := w.OfSeller(t.Context(), c, "hall", 2026, 0, 10)
		_, b := w.Seller(t.Context(), c, "hall")
		_, d := w.SetSeller(t.Context(), c, "hall", 0, theatre)
		_, e := w.Years(t.Context(), c, "hall")
		for i, err := range []error{a, b, d, e} {
			if errs.KindOf(err) != want {
				t.Errorf("%s %d: %v", c.UserID, i, err)
			}
		}
	}
	if _, err := w.OfBooking(t.Context(), rival, b, ""); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err := w.Seller(t.Context(), hall, invoiceapi.House); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
}

func TestSellers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if d, err := w.Seller(ctx, hall, "hall"); err != nil || d.Version != 0 || d.Name != "" {
		t.Errorf("%+v %v", d, err)
	}
	d, err := w.SetSeller(ctx, hall, "hall", 0, theatre)
	if err != nil || d.Version != 1 || d.Country != "DE" || d.Prefix != "TH" {
		t.Fatalf("%+v %v", d, err)
	}
	b := w.sell("gala", 1, 1)
	w.documents(t, b)
	d.City = "Potsdam"
	if d, err = w.SetSeller(ctx, hall, "hall", 1, d); err != nil || d.Version != 2 {
		t.Errorf("%+v %v", d, err)
	}
	if d, err = w.SetSeller(ctx, admin, "hall", 2, d); err != nil || d.Version != 2 { // the same
		t.Errorf("%+v %v", d, err)
	}
	other := d
	other.City = "Bonn"
	if _, err := w.SetSeller(ctx, hall, "hall", 1, other); !errs.Is(err, "changed-meanwhile") {
		t.Error(err)
	}
	if got, err := w.Seller(ctx, hall, "hall"); err != nil || got.City != "Potsdam" {
		t.Errorf("%+v %v", got, err)
	}
	w.giveBack(b, 5000, 1)
	if list := w.documents(t, b); list[0].Seller.City != "Berlin" || list[1].Seller.City != "Potsdam" {
		t.Errorf("%+v", list)
	}
	if _, err := w.SetSeller(ctx, admin, "nobody", 0, d); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if d, err := w.SetSeller(ctx, admin, invoiceapi.House, 0, d); err != nil || d.Version != 1 {
		t.Errorf("%+v %v", d, err)
	}
	w.event("house", "", nil, seating.Tier{Name: "All", Price: 100})
	if list := w.documents(t, w.sell("house", 1, 1)); len(list) != 1 || list[0].Seller.ID != invoiceapi.House {
		t.Errorf("%+v", list)
	}
}

// The first details may be asked for as such, and nobody makes a million versions.
func TestSellerVersions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.SetSeller(ctx, hall, "hall", errs.NotYet, theatre); err != nil {
		t.Fatal(err)
	}
	d := theatre
	d.City = "Bonn"
	if _, err := w.SetSeller(ctx, hall, "hall", errs.NotYet, d); !errs.Is(err, "changed-meanwhile") {
		t.Error(err)
	}
	var err error
	n := 1
	for ; n <= mostChanges && err == nil; n++ {
		d.Street = fmt.Sprint("Theaterplatz ", n)
		_, err = w.SetSeller(ctx, hall, "hall", 0, d)
	}
	if e := errs.Of(err); !errs.Is(err, "too-many-changes") || n != mostChanges+1 || e.RetryAfter <= 0 || e.RetryAfter > changeWindow {
		t.Errorf("%d changes: %v", n, err)
	}
	if got, err := w.Seller(ctx, hall, "hall"); err != nil || got.Version != mostChanges || got.Street != fmt.Sprint("Theaterplatz ", mostChanges-1) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := w.SetSeller(ctx, admin, invoiceapi.House, 0, d); err != nil { // others may
		t.Error(err)
	}
	w.now = w.now.Add(changeWindow)
	if _, err := w.SetSeller(ctx, hall, "hall", 0, d); err != nil {
		t.Error(err)
	}
}

func TestBadSellers(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change      func(*invoiceapi.Seller)
		field, code string
	}{
		"no name":     {func(d *invoiceapi.Seller) { d.Name = " " }, "name", "required"},
		"no street":   {func(d *invoiceapi.Seller) { d.Street = "" }, "street", "required"},
		"no city":     {func(d *invoiceapi.Seller) { d.City = "" }, "city", "required"},
		"long name":   {func(d *invoiceapi.Seller) { d.Name = strings.Repeat("ü", 201) }, "name", "too-long"},
		"hidden":      {func(d *invoiceapi.Seller) { d.Name = "a\u202eb" }, "name", "invisible-characters"},
		"country":     {func(d *invoiceapi.Seller) { d.Country = "ZZ" }, "country", "not-a-country"},
		"no country":  {func(d *invoiceapi.Seller) { d.Country = "" }, "country", "not-a-country"},
		"continent":   {func(d *invoiceapi.Seller) { d.Country = "EU" }, "country", "not-a-country"},
		"mistyped":    {func(d *invoiceapi.Seller) { d.VATNumber = "DE136695977" }, "vat_number", "vat-number-mistyped"},
		"abroad":      {func(d *invoiceapi.Seller) { d.VATNumber = "ATU13585627" }, "vat_number", "vat-number-abroad"},
		"rate":        {func(d *invoiceapi.Seller) { d.TaxRate = 10_000 }, "tax_rate", "not-a-rate"},
		"rate below":  {func(d *invoiceapi.Seller) { d.TaxRate = -1 }, "tax_rate", "not-a-rate"},
		"zone":        {func(d *invoiceapi.Seller) { d.Zone = "Mars/Base" }, "time_zone", "no-such-zone"},
		"local":       {func(d *invoiceapi.Seller) { d.Zone = "Local" }, "time_zone", "no-such-zone"},
		"prefix":      {func(d *invoiceapi.Seller) { d.Prefix = "R/1" }, "prefix", "not-a-prefix"},
		"test":        {func(d *invoiceapi.Seller) { d.Prefix = " test" }, "prefix", "prefix-of-tests"},
		"nearly test": {func(d *invoiceapi.Seller) { d.Prefix = "7E5T2" }, "prefix", "prefix-of-tests"},
		"long prefix": {func(d *invoiceapi.Seller) { d.Prefix = "ABCDEFGHIJKLM" }, "prefix", "not-a-prefix"},
	} {
		d := theatre
		c.change(&d)
		_, err := w.SetSeller(t.Context(), hall, "hall", 0, d)
		if e := errs.Of(err); e == nil || len(e.Fields) == 0 || e.Fields[0].Name != c.field || e.Fields[0].Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A number's year is that of the seller's clocks, and each year begins with 1.
func TestYears(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	for _, c := range []struct{ at, number, date string }{
		{"2026-12-31T22:59:59Z", "TH-2026-000001", "2026-12-31"},
		{"2026-12-31T23:00:00Z", "TH-2027-000001", "2027-01-01"},
		{"2026-12-31T22:59:58Z", "TH-2026-000002", "2026-12-31"}, // a node whose clock is late
	} {
		w.now, _ = time.Parse(time.RFC3339, c.at)
		d := w.documents(t, w.sell("gala", int(w.now.Unix()), 1))[0]
		if d.Number != c.number || d.Issued.Format(time.DateOnly) != c.date {
			t.Errorf("%s: %s of %s", c.at, d.Number, d.Issued)
		}
	}
}

// Credit notes add up to their invoice, however the money goes back.
func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 100_000_000_000).Draw(t, "amount")
		share := rapid.Int64Range(0, amount).Draw(t, "share")
		var back, sum int64
		for back < amount {
			some := rapid.Int64Range(1, amount-back).Draw(t, "back")
			if rapid.Bool().Draw(t, "the rest") {
				some = amount - back
			}
			p := paymentapi.Part(share, back+some, amount) - paymentapi.Part(share, back, amount)
			if p < 0 || p > some {
				t.Fatalf("%d of %d", p, some)
			}
			back, sum = back+some, sum+p
		}
		if sum != share {
			t.Fatalf("%d of %d", sum, share)
		}
	})
}

func TestContained(t *testing.T) {
	for _, c := range []struct{ amount, rate, want int64 }{{11900, 1900, 1900}, {15000, 700, 981}, {1, 1900, 0}, {0, 1900, 0}, {100, 0, 0}, {100_000_000_000, 2500, 20_000_000_000}} {
		if got := Contained(c.amount, c.rate); got != c.want {
			t.Errorf("%d at %d: %d, want %d", c.amount, c.rate, got, c.want)
		}
	}
}

// Each refund has one credit note, whoever has made it. One that fails later keeps it,
// since the money is still owed, and it speaks of the refund that is made again.
func TestCreditNotesOfRefundsThatComeBack(t *testing.T) {
	const elsewhere, part, failed = paymentapi.RefundedElsewhere, paymentapi.PartlyRefunded, paymentapi.RefundCameBack
	type step struct {
		status paymentapi.Status
		amount int64
	}
	for name, c := range map[string]struct {
		steps []step
		want  []int64 // the credit notes at the end
	}{
		"elsewhere":               {[]step{{elsewhere, 3000}, {part, 2000}, {elsewhere, 10000}}, []int64{3000, 2000, 10000}},
		"fails":                   {[]step{{part, 5000}, {failed, 5000}}, []int64{5000}},
		"fails, made again":       {[]step{{part, 5000}, {failed, 5000}, {part, 5000}, {failed, 5000}, {part, 5000}}, []int64{5000}},
		"fails, others meanwhile": {[]step{{part, 5000}, {failed, 5000}, {part, 4000}, {part, 5000}, {part, 6000}}, []int64{5000, 4000, 6000}},
		"fails, paid by hand":     {[]step{{part, 5000}, {failed, 5000}, {elsewhere, 2000}, {elsewhere, 3000}, {elsewhere, 1000}}, []int64{5000, 1000}},
		"by hand, fails":          {[]step{{elsewhere, 5000}, {failed, 5000}, {elsewhere, 6000}}, []int64{5000, 1000}},
		"all of it, twice":        {[]step{{part, 15000}, {failed, 15000}, {elsewhere, 15000}}, []int64{15000}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.introduce(t)
			b := w.sell("gala", 1, 3)
			for _, s := range c.steps {
				w.now = w.now.Add(time.Hour)
				w.set(b, func(p *paymentapi.Payment) {
					p.Refunded += s.amount
					if s.status == failed {
						p.Refunded -= 2 * s.amount
					}
					p.History = append(p.History[:len(p.History):len(p.History)], paymentapi.Step{Status: s.status, At: w.now, Amount: s.amount})
				})
				w.documents(t, b) // whenever they are issued
			}
			list := w.documents(t, b)
			var got []int64
			for i, d := range list {
				if d.Number != fmt.Sprintf("TH-2026-%06d", i+1) {
					t.Errorf("document %d is %s", i, d.Number)
				}
				if i > 0 {
					got = append(got, d.Amount)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("credit notes for %v instead of %v", got, c.want)
			}
		})
	}
}

// A refund that has failed and that a person has given back in another way has a credit note
// like any other; and however the same money goes back afterwards, there is no second one.
func TestCreditNotesOfHandledRefunds(t *testing.T) {
	const elsewhere, part, failed = paymentapi.RefundedElsewhere, paymentapi.PartlyRefunded, paymentapi.RefundCameBack
	handled := func(amount int64) paymentapi.Unmade { return paymentapi.Unmade{Amount: amount, Handled: true} }
	owed := func(amount int64) paymentapi.Unmade { return paymentapi.Unmade{Amount: amount, CameBack: true} }
	waits := func(amount int64) paymentapi.Unmade { return paymentapi.Unmade{Amount: amount} }
	type step struct {
		status paymentapi.Status // "": none
		amount int64
		unmade []paymentapi.Unmade // from then on
	}
	now := func(list ...paymentapi.Unmade) step { return step{unmade: list} }
	for name, c := range map[string]struct {
		steps []step
		want  []int64 // the credit notes at the end
	}{
		"waits":                      {[]step{now(waits(5000))}, nil},
		"handled, noted again":       {[]step{now(waits(5000)), now(handled(5000)), now(handled(5000))}, []int64{5000}},
		"made after all":             {[]step{now(handled(5000)), {part, 5000, nil}, {part, 4000, nil}}, []int64{5000, 4000}},
		"given back elsewhere, too":  {[]step{now(handled(5000)), {elsewhere, 2000, []paymentapi.Unmade{handled(3000)}}, {elsewhere, 3000, nil}, {elsewhere, 1, nil}}, []int64{5000, 1}},
		"came back, handled":         {[]step{{part, 5000, nil}, {failed, 5000, []paymentapi.Unmade{owed(5000)}}, now(handled(5000))}, []int64{5000}},
		"came back, handled, others": {[]step{{part, 5000, nil}, {failed, 5000, []paymentapi.Unmade{owed(5000)}}, now(handled(5000)), {part, 5000, []paymentapi.Unmade{handled(5000)}}}, []int64{5000, 5000}},
		"came back, others":          {[]step{{part, 5000, nil}, {failed, 5000, []paymentapi.Unmade{owed(5000)}}, {part, 4000, []paymentapi.Unmade{owed(5000)}}}, []int64{5000, 4000}},
		"elsewhere, made in parts":   {[]step{{elsewhere, 5000, nil}, {failed, 5000, []paymentapi.Unmade{owed(3000), owed(2000)}}, {part, 3000, []paymentapi.Unmade{owed(2000)}}, {part, 2000, nil}}, []int64{5000}},
		"not handled, after all":     {[]step{now(handled(5000)), now(waits(5000)), {part, 3000, []paymentapi.Unmade{waits(5000)}}, {part, 5000, nil}}, []int64{5000, 3000}},
		"two":                        {[]step{now(handled(5000), waits(5000)), now(handled(5000), handled(5000)), {part, 5000, []paymentapi.Unmade{handled(5000), handled(5000)}}}, []int64{5000, 5000, 5000}},
		"no more than was paid":      {[]step{now(handled(5000)), {part, 15000, []paymentapi.Unmade{handled(5000)}}}, []int64{5000, 10000}},
	} {
		for _, late := range []bool{false, true} { // the seller gives its details only at the end
			t.Run(fmt.Sprintf("%s, late: %t", name, late), func(t *testing.T) {
				w := newWorld(t)
				b := w.sell("gala", 1, 3)
				if !late {
					w.introduce(t)
				}
				for _, s := range c.steps {
					w.now = w.now.Add(time.Hour)
					for i := range s.unmade {
						s.unmade[i].At = w.now.UnixMicro()
					}
					w.unmade = map[string][]paymentapi.Unmade{b: s.unmade}
					if len(s.unmade) == 0 {
						w.unmade = nil
					}
					w.set(b, func(p *paymentapi.Payment) {
						if s.status != "" {
							p.History = append(p.History[:len(p.History):len(p.History)], paymentapi.Step{Status: s.status, At: w.now, Amount: s.amount})
						}
					})
					w.documents(t, b)
				}
				if late {
					w.introduce(t)
				}
				list := w.documents(t, b)
				var got []int64
				var sum, want, tax int64
				for i, d := range list {
					if d.Number != fmt.Sprintf("TH-2026-%06d", i+1) || d.Part != int64(i) {
						t.Errorf("document %d is %s, part %d", i, d.Number, d.Part)
					}
					if i > 0 {
						got, sum, tax = append(got, d.Amount), sum+d.Amount, tax+d.Tax
					}
				}
				for _, amount := range c.want {
					want += amount
				}
				if sum != want || !late && fmt.Sprint(got) != fmt.Sprint(c.want) || tax != paymentapi.Part(list[0].Tax, sum, list[0].Amount) {
					t.Errorf("credit notes for %v with %d tax instead of %v", got, tax, c.want)
				}
			})
		}
	}
}
