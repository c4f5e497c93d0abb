package bookingtest

import (
	"maps"
	"slices"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// Test runs the suite against services that newService makes.
func Test(t *testing.T, newService NewService) {
	for name, run := range map[string]func(*test){
		"sales": testSales, "seats": testSeats, "hold": testHold, "drafts": testDrafts, "confirm": testConfirm,
		"cancel": testCancel, "reseat": testReseat, "sold under": testSoldUnder, "reads": testReads, "ticketed": testTicketed, "admitting": testAdmitting, "links": testLinks, "accounts": testAccounts,
		"give up": testGiveUp, "grants": testGrants, "gifts": testGifts, "reports": testReports, "ledger": testLedger,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			run(&test{t, w, newService(t, w)})
		})
	}
}

func testSales(t *test) {
	one, two := t.event(), t.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 2 })
	t.hold(one, "ann", "STALLS-A-1")
	t.pay(t.hold(one, "ann", "STALLS-A-2"))
	ids := []string{one, two, "0000000000000000"}
	sales, err := t.s.Sales(t.Context(), ids)
	if err != nil || len(sales) != 2 || sales[one].OrganizerID != organizer || sales[two].LimitPerCustomer != 2 {
		t.Errorf("sales: %+v %v", sales, err)
	}
	counts, err := t.s.Counts(t.Context(), ids)
	if err != nil || len(counts) != 2 || counts[one].Free != 8 || counts[one].Held != 1 || counts[one].Sold != 1 || counts[two].Free != 10 {
		t.Errorf("counts: %+v %v", counts, err)
	}
	old := sale()
	old.LimitPerCustomer = 1
	t.must(t.s.SetSales(t.Context(), map[string]bookingapi.Sale{two: old})) // of the same version: ignored
	if sales, err = t.s.Sales(t.Context(), ids); err != nil || sales[two].LimitPerCustomer != 2 {
		t.Errorf("an old state has replaced a new one: %+v %v", sales[two], err)
	}
	other := sale()
	other.EventVersion, other.PlanVersion = 2, 2
	t.refused(t.s.SetSales(t.Context(), map[string]bookingapi.Sale{one: other}), errs.Conflict, "plan-in-use")
	hidden := sale()
	hidden.EventVersion, hidden.Status = 2, eventapi.Draft
	t.refused(t.s.SetSales(t.Context(), map[string]bookingapi.Sale{one: hidden}), errs.Conflict, "seats-taken")
}

func testSeats(t *test) {
	ev := t.event()
	t.hold(ev, "ann", "STALLS-A-1")
	sections, err := t.s.Sections(t.Context(), caller.Caller{}, ev)
	if err != nil || len(sections) != 2 || sections[0].Free != 5 || sections[1].Free != 4 || sections[0].From() != 1000 {
		t.Errorf("sections: %+v %v", sections, err)
	}
	rows, err := t.s.Rows(t.Context(), caller.Caller{}, ev, "STALLS")
	if err != nil || len(rows) != 1 || rows[0].Free != 5 || rows[0].Seats[0].Free || !rows[0].Seats[1].Free {
		t.Errorf("rows: %+v %v", rows, err)
	}
	_, err = t.s.Rows(t.Context(), caller.Caller{}, ev, "BALCONY")
	t.refused(err, errs.NotFound, "not-found")
	near, err := t.s.Near(t.Context(), ev, []string{"STALLS-A-1", "STALLS-A-2"}, []string{"STALLS-A-1"})
	if err != nil || !slices.Equal(near, []string{"STALLS-A-2", "STALLS-A-3"}) {
		t.Errorf("near: %v %v", near, err)
	}
	named, err := t.s.Named(t.Context(), ev, []string{"STALLS-A-2", "no such seat"})
	if err != nil || len(named) != 1 || named[0].Row != "A" || named[0].Number != "2" {
		t.Errorf("named: %+v %v", named, err)
	}
	_, err = t.s.Sections(t.Context(), caller.Caller{}, "0000000000000000")
	t.refused(err, errs.NotFound, "not-found")
}

func testHold(t *test) {
	ev, ctx := t.event(), t.Context()
	first, err := t.s.Hold(ctx, fan("ann"), "key", seats(ev, "STALLS-A-1", "STALLS-A-2"))
	if err != nil || first.Status != bookingapi.Pending || first.Amount != 2000 || first.Fees != 200 || first.ExpiresAt != t.w.clock.Load()+8*minute {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := t.s.Hold(ctx, fan("ann"), "key", seats(ev, "STALLS-A-1", "STALLS-A-2"))
	if err != nil || again.ID != first.ID {
		t.Errorf("the same key comes to %s and %s, %v", first.ID, again.ID, err)
	}
	_, err = t.s.Hold(ctx, fan("ann"), "key", seats(ev, "STALLS-A-3"))
	t.refused(err, errs.Invalid, "idempotency-key-reused")
	_, err = t.s.Hold(ctx, fan("bob"), "", seats(ev, "STALLS-A-2", "STALLS-A-3"))
	t.refused(err, errs.Conflict, "seats-taken")
	if gone, _ := errs.Of(err).Extra["seats"].([]string); !slices.Equal(gone, []string{"STALLS-A-2"}) {
		t.Errorf("gone are %v", gone)
	}
	_, err = t.s.Hold(ctx, fan("ann"), "", seats(ev, "STALLS-A-2"))
	t.refused(err, errs.Conflict, "already-yours")
	best, err := t.s.Hold(ctx, fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2, Tier: "Pit"}})
	if err != nil || best.Amount != 1000 {
		t.Errorf("best seats: %+v %v", best, err)
	}
	_, err = t.s.Hold(ctx, fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 3}})
	t.refused(err, errs.Conflict, "too-many-seats")
	for _, bad := range []bookingapi.Selection{{}, {Seats: []string{"STALLS-A-5"}, Quantity: 1}, {Seats: []string{"Z-9"}}, {Quantity: 1, Section: "X"}} {
		_, err = t.s.Hold(ctx, fan("cem"), "", bookingapi.HoldRequest{EventID: ev, Selection: bad})
		t.refused(err, errs.Invalid, "invalid-field")
	}
	closed := t.event(func(s *bookingapi.Sale) { s.ClosesAt = t.w.clock.Load() - 1 })
	_, err = t.s.Hold(ctx, fan("ann"), "", seats(closed, "STALLS-A-1"))
	t.refused(err, errs.Conflict, "sale-closed")
}

func testDrafts(t *test) {
	draft := t.event(func(s *bookingapi.Sale) { s.Status = eventapi.Draft })
	_, err := t.s.Sections(t.Context(), fan("ann"), draft)
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.Hold(t.Context(), fan("ann"), "", seats(draft, "STALLS-A-1"))
	t.refused(err, errs.NotFound, "not-found")
	if sections, err := t.s.Sections(t.Context(), boss(), draft); err != nil || len(sections) != 2 {
		t.Errorf("its organizer: %v %v", sections, err)
	}
}

func testConfirm(t *test) {
	ev, ctx := t.event(), t.Context()
	b := t.hold(ev, "ann", "STALLS-A-1")
	c := bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount - 1, Currency: "EUR", StartedAt: t.w.clock.Load()}
	_, err := t.s.Confirm(ctx, c)
	t.refused(err, errs.Conflict, "amount-differs")
	t.must(t.s.Extend(ctx, b.ID))
	if now := t.now(b.ID); now.ExpiresAt <= b.ExpiresAt {
		t.Errorf("extended until %d, was %d", now.ExpiresAt, b.ExpiresAt)
	}
	c.Amount = b.Amount
	for range 2 { // the same payment may ask again
		if got, err := t.s.Confirm(ctx, c); err != nil || got.Status != bookingapi.Booked || got.PaymentID != c.PaymentID {
			t.Errorf("%+v %v", got, err)
		}
	}
	c.PaymentID = b.ID + "-2"
	_, err = t.s.Confirm(ctx, c)
	t.refused(err, errs.Conflict, "already-booked")
	t.must(t.s.CancelUnpaid(ctx, b.ID, b.ID+"-1"))
	recent, err := t.s.Recent(ctx, b.ID)
	if err != nil || recent.Status != bookingapi.Cancelled {
		t.Errorf("taken back: %+v %v", recent, err)
	}
	if known, ok := t.s.Remembered(b.ID); ok && known.Status != bookingapi.Cancelled {
		t.Errorf("remembered: %+v", known)
	}
	_, err = t.s.Recent(ctx, id0(ev))
	t.refused(err, errs.NotFound, "not-found")

	late := t.hold(ev, "ann", "STALLS-A-2")
	t.w.clock.Add(9 * minute)
	_, err = t.s.Confirm(ctx, bookingapi.Confirm{BookingID: late.ID, PaymentID: late.ID + "-1", Amount: late.Amount, Currency: "EUR"})
	t.refused(err, errs.Conflict, "paid-too-late")
}

func testCancel(t *test) {
	end := t.w.clock.Load() + 60*minute
	ev, ctx := t.event(func(s *bookingapi.Sale) { s.RefundsEnd = end }), t.Context()
	held := t.hold(ev, "ann", "STALLS-A-1")
	_, err := t.s.Cancel(ctx, fan("bob"), bookingapi.Cancellation{BookingID: held.ID})
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: held.ID, Version: held.Seq + 7})
	t.refused(err, errs.Precondition, "changed-meanwhile")
	if b, err := t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: held.ID, Version: held.Seq}); err != nil || b.Status != bookingapi.Cancelled {
		t.Errorf("%+v %v", b, err)
	}

	sold := t.pay(t.hold(ev, "ann", "STALLS-A-1", "STALLS-A-2"))
	quote, err := t.s.Refund(ctx, fan("ann"), sold.ID, []string{"STALLS-A-1"})
	if err != nil || quote != 1000 {
		t.Errorf("%d would come back, %v", quote, err)
	}
	for range 2 { // the request may be sent again
		b, err := t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: sold.ID, Seats: []string{"STALLS-A-1"}})
		if err != nil || b.Status != bookingapi.Booked || b.Amount != 1000 || len(b.Seats) != 1 {
			t.Errorf("%+v %v", b, err)
		}
	}
	t.w.clock.Store(end)
	_, err = t.s.Refund(ctx, fan("ann"), sold.ID, nil)
	t.refused(err, errs.Conflict, "refunds-over")
	_, err = t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: sold.ID})
	t.refused(err, errs.Conflict, "refunds-over")
}

// A sold booking moves to other seats at once, with its money.
func testReseat(t *test) {
	ev, ctx := t.event(), t.Context()
	move := func(who caller.Caller, b bookingapi.Booking, version int64, labels ...string) (bookingapi.Booking, error) {
		return t.s.Reseat(ctx, who, bookingapi.Reseating{BookingID: b.ID, Version: version, Seats: labels, Reason: "The row is closed."})
	}
	sold := t.pay(t.hold(ev, "ann", "STALLS-A-1", "STALLS-A-2"))
	held := t.hold(ev, "bob", "STALLS-A-4")
	_, err := move(fan("ann"), sold, 0, "STALLS-A-2", "STALLS-A-3")
	t.refused(err, errs.NotFound, "not-found")
	_, err = move(boss(), held, 0, "STALLS-A-5")
	t.refused(err, errs.Conflict, "not-sold")
	_, err = move(boss(), sold, sold.Seq+7, "STALLS-A-2", "STALLS-A-3")
	t.refused(err, errs.Precondition, "changed-meanwhile")
	_, err = move(boss(), sold, 0, "STALLS-A-3", "STALLS-A-4")
	t.refused(err, errs.Conflict, "seats-taken")
	if gone, _ := errs.Of(err).Extra["seats"].([]string); !slices.Equal(gone, []string{"STALLS-A-4"}) {
		t.Errorf("gone are %v", gone)
	}
	for _, bad := range [][]string{nil, {"STALLS-A-3"}, {"STALLS-A-3", "STALLS-A-3"}, {"STALLS-A-2", "Z-9"}, {"STALLS-A-2", "PIT-1"}} {
		_, err = move(boss(), sold, 0, bad...)
		t.refused(err, errs.Invalid, "invalid-field")
	}
	var moved bookingapi.Booking
	for range 2 { // the request may be sent again
		moved, err = move(boss(), sold, 0, "STALLS-A-2", "STALLS-A-3")
		if err != nil || moved.Status != bookingapi.Booked || moved.Amount != sold.Amount || moved.Left != sold.Left || moved.PaymentID != sold.PaymentID || moved.Seq != held.Seq+1 || len(moved.Seats) != 2 {
			t.Fatalf("%+v %v", moved, err)
		}
	}
	if now := t.now(sold.ID); !slices.Equal(now.Seats, moved.Seats) || now.Seq != moved.Seq {
		t.Errorf("it is %+v", now)
	}
	reasons, err := t.s.ReasonsOf(ctx, sold.ID)
	if err != nil || len(reasons) != 1 || !slices.Equal(reasons[0].From, sold.Seats) || reasons[0].Amount != 0 || reasons[0].Seats != 0 {
		t.Errorf("%+v %v", reasons, err)
	}
	t.hold(ev, "cem", "STALLS-A-1")
	_, err = t.s.Hold(ctx, fan("dan"), "", seats(ev, "STALLS-A-3"))
	t.refused(err, errs.Conflict, "seats-taken")
	if b, err := t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: sold.ID, Seats: []string{"STALLS-A-3"}}); err != nil || b.Amount != 1000 || len(b.Seats) != 1 {
		t.Errorf("%+v %v", b, err)
	}
	if b, err := t.s.CancelFor(ctx, boss(), bookingapi.OrganizerCancellation{Cancellation: bookingapi.Cancellation{BookingID: sold.ID}, Reason: "Closed."}); err != nil || b.Status != bookingapi.Cancelled {
		t.Errorf("%+v %v", b, err)
	}
	_, err = move(boss(), sold, 0, "STALLS-A-5", "STALLS-A-6")
	t.refused(err, errs.Conflict, "booking-cancelled")
}

// What a booking was sold under stays as it was, whatever the sale becomes.
func testSoldUnder(t *test) {
	ev := t.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 3 })
	b := t.pay(t.hold(ev, "ann", "STALLS-A-1"))
	sales, err := t.s.Sales(t.Context(), []string{ev})
	if err != nil {
		t.Fatal(err)
	}
	changed := sales[ev]
	changed.EventVersion, changed.LimitPerCustomer = changed.EventVersion+1, 5
	if err := t.s.SetSales(t.Context(), map[string]bookingapi.Sale{ev: changed}); err != nil {
		t.Fatal(err)
	}
	later := t.hold(ev, "bob", "STALLS-A-2")
	for _, c := range []struct {
		b    bookingapi.Booking
		want int32
	}{{b, 3}, {later, 5}} {
		if sale, err := t.s.SoldUnder(t.Context(), &c.b); err != nil || sale.LimitPerCustomer != c.want {
			t.Errorf("%s was sold under %+v %v", c.b.ID, sale, err)
		}
	}
	b.ID = ev + "00"
	if _, err := t.s.SoldUnder(t.Context(), &b); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no booking: %v", err)
	}
}

func testReads(t *test) {
	ev, other, ctx := t.event(), t.event(), t.Context()
	a, b := t.hold(ev, "ann", "STALLS-A-1"), t.pay(t.hold(ev, "bob", "STALLS-A-2"))
	c := t.hold(other, "ann", "STALLS-A-1")
	found, err := t.s.Bookings(ctx, []string{a.ID, b.ID, a.ID, id0(ev), "not an id"})
	if err != nil || len(found) != 2 || found[a.ID].UserID != "ann" || found[b.ID].Status != bookingapi.Booked || found[b.ID].OrganizerID != organizer {
		t.Errorf("bookings: %+v %v", found, err)
	}
	if found, err := t.s.Bookings(ctx, nil); err != nil || len(found) != 0 {
		t.Errorf("no bookings: %+v %v", found, err)
	}
	for _, one := range []struct {
		f    bookingapi.Filter
		want []string
	}{
		{bookingapi.Filter{UserID: "ann"}, []string{a.ID, c.ID}},
		{bookingapi.Filter{EventID: ev}, []string{a.ID, b.ID}},
		{bookingapi.Filter{EventID: ev, Status: bookingapi.Booked}, []string{b.ID}},
		{bookingapi.Filter{UserID: "ann", HeldAt: t.w.clock.Load()}, []string{a.ID, c.ID}},
		{bookingapi.Filter{UserID: "ann", HeldAt: a.ExpiresAt}, nil},
	} {
		slices.Sort(one.want)
		one.f.Limit = 1
		var ids []string
		for {
			page, err := t.s.List(ctx, one.f)
			t.must(err)
			if len(page) == 0 {
				break
			}
			one.f.After = page[len(page)-1].ID
			ids = append(ids, one.f.After)
		}
		if !slices.Equal(ids, one.want) {
			t.Errorf("%+v lists %v, not %v", one.f, ids, one.want)
		}
	}
	if _, err := t.s.Owned(ctx, fan("ann"), a.ID); err != nil {
		t.Error(err)
	}
	_, err = t.s.Owned(ctx, boss(), a.ID)
	t.refused(err, errs.NotFound, "not-found")
	orders, err := t.s.Orders(ctx, []bookingapi.Booking{b, a})
	if err != nil || len(orders) != 2 || orders[0].ID != b.ID || orders[0].Kind != bookingapi.Sold || orders[0].Places[0].Label != "STALLS-A-2" || orders[0].Places[0].Tier.Price != 1000 {
		t.Errorf("orders: %+v %v", orders, err)
	}
}

// Those are told of an event who have tickets for it, or had them when it was cancelled.
func testTicketed(t *test) {
	ev, ctx := t.event(), t.Context()
	back := t.pay(t.hold(ev, "ann", "STALLS-A-1"))
	_, err := t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: back.ID})
	t.must(err)
	released := t.hold(ev, "eve", "STALLS-A-2")
	_, err = t.s.Cancel(ctx, fan("eve"), bookingapi.Cancellation{BookingID: released.ID})
	t.must(err)
	held, booked := t.hold(ev, "dan", "STALLS-A-2"), t.pay(t.hold(ev, "bob", "STALLS-A-3"))
	gift, err := t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Complimentary, UserID: "cleo", Selection: bookingapi.Selection{Seats: []string{"STALLS-A-4"}}})
	t.must(err)
	_, err = t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Block, Selection: bookingapi.Selection{Seats: []string{"STALLS-A-5"}}})
	t.must(err)
	made := t.w.clock.Load()
	t.w.clock.Add(minute)
	late := t.pay(t.hold(ev, "fay", "STALLS-A-6"))
	all := func(f bookingapi.Filter, want ...string) {
		t.Helper()
		slices.Sort(want)
		f.EventID, f.Ticketed, f.Limit = ev, true, 1
		var ids []string
		for {
			page, err := t.s.List(ctx, f)
			t.must(err)
			if len(page) == 0 {
				break
			}
			f.After = page[len(page)-1].ID
			ids = append(ids, f.After)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%+v lists %v, not %v", f, ids, want)
		}
	}
	all(bookingapi.Filter{}, booked.ID, gift.ID, late.ID)
	all(bookingapi.Filter{MadeUntil: made}, booked.ID, gift.ID)
	over := sale()
	over.Status, over.EventVersion = eventapi.Cancelled, 2
	t.must(t.s.SetSales(ctx, map[string]bookingapi.Sale{ev: over}))
	all(bookingapi.Filter{MadeUntil: made}, booked.ID, gift.ID)
	for _, b := range []string{held.ID, booked.ID, gift.ID, late.ID} { // as the service does by and by
		_, err = t.s.Cancel(ctx, caller.System, bookingapi.Cancellation{BookingID: b})
		t.must(err)
		all(bookingapi.Filter{}, booked.ID, gift.ID, late.ID)
	}
}

// The door admits those who own seats now: not holds, and not what is blocked, given
// back or moved away.
func testAdmitting(t *test) {
	ev, ctx := t.event(), t.Context()
	all := make([]int32, 10)
	for i := range all {
		all[i] = int32(i)
	}
	own := func(seq int64, want map[int32]string) {
		t.Helper()
		sold, err := t.s.Sold(ctx, ev)
		if err != nil || len(sold.Bookings) != 10 || sold.PlanVersion != 1 || sold.PlanID != sale().PlanID || sold.Seq != seq {
			t.Fatalf("%+v %v, not at %d", sold, err, seq)
		}
		holders, err := t.s.Holders(ctx, ev, append(all, 77))
		if err != nil || !maps.Equal(holders, want) {
			t.Errorf("%v, not %v: %v", holders, want, err)
		}
		for seat, booking := range sold.Bookings {
			if booking != want[int32(seat)] {
				t.Errorf("seat %d belongs to %q, not %q", seat, booking, want[int32(seat)])
			}
		}
	}
	t.hold(ev, "ann", "STALLS-A-1")
	sold := t.pay(t.hold(ev, "bob", "STALLS-A-2", "STALLS-A-3"))
	gift, err := t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Complimentary, UserID: "cleo", Selection: bookingapi.Selection{Seats: []string{"STALLS-A-4"}}})
	t.must(err)
	block, err := t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Block, Selection: bookingapi.Selection{Seats: []string{"STALLS-A-5"}}})
	t.must(err)
	own(block.Seq, map[int32]string{sold.Seats[0]: sold.ID, sold.Seats[1]: sold.ID, gift.Seats[0]: gift.ID})
	back, err := t.s.Cancel(ctx, fan("bob"), bookingapi.Cancellation{BookingID: sold.ID, Seats: []string{"STALLS-A-2"}})
	t.must(err)
	own(back.Seq, map[int32]string{sold.Seats[1]: sold.ID, gift.Seats[0]: gift.ID})
	moved, err := t.s.Reseat(ctx, boss(), bookingapi.Reseating{BookingID: sold.ID, Seats: []string{"STALLS-A-2"}, Reason: "The row is closed."})
	t.must(err)
	own(moved.Seq, map[int32]string{sold.Seats[0]: sold.ID, gift.Seats[0]: gift.ID})

	other := t.event()
	if holders, err := t.s.Holders(ctx, other, all); err != nil || len(holders) != 0 {
		t.Errorf("another event: %v %v", holders, err)
	}
	if holders, err := t.s.Holders(ctx, ev, nil); err != nil || len(holders) != 0 {
		t.Errorf("no seats: %v %v", holders, err)
	}
	if _, err := t.s.Holders(ctx, ev, make([]int32, bookingapi.MaxHolders+1)); err == nil {
		t.Error("too many seats are read at once")
	}
	_, err = t.s.Sold(ctx, "0000000000000000")
	t.refused(err, errs.NotFound, "not-found")
}

func testLedger(t *test) {
	ev, ctx := t.event(), t.Context()
	b := t.pay(t.hold(ev, "ann", "STALLS-A-1"))
	if _, err := t.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		t.Fatal(err)
	}
	var kinds []ledger.Kind
	var hash [32]byte
	for seq := int64(0); ; {
		page, err := t.s.Entries(ctx, ev, seq, 2)
		t.must(err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if want, _ := e.Chain(hash, nil); e.Seq != seq+1 || e.Hash != want {
				t.Errorf("entry %d follows %d, hash %x, not %x", e.Seq, seq, e.Hash[:4], want[:4])
			}
			seq, hash, kinds = e.Seq, e.Hash, append(kinds, e.Kind)
		}
	}
	if !slices.Equal(kinds, []ledger.Kind{ledger.Sale, ledger.Held, ledger.Booked, ledger.Cancelled}) {
		t.Errorf("the ledger has %v", kinds)
	}
	other := t.event()
	for _, ids := range [][]string{nil, {ev, other}} {
		if heads, err := t.s.Heads(ctx, ids); err != nil || !maps.Equal(heads, map[string]int64{ev: 4, other: 1}) {
			t.Errorf("heads of %v: %v %v", ids, heads, err)
		}
	}
	if heads, err := t.s.Heads(ctx, []string{other, "0000000000000000"}); err != nil || !maps.Equal(heads, map[string]int64{other: 1}) {
		t.Errorf("heads: %v %v", heads, err)
	}
}
