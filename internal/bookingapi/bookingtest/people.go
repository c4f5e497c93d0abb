package bookingtest

import (
	"net/url"
	"slices"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
)

// id0 is a booking id that does not exist.
func id0(eventID string) string { return id.Booking(eventID, "nobody", "no such key") }

// tokenOf is the token in a signed path.
func tokenOf(t *test, path string) string {
	t.Helper()
	u, err := url.Parse(path)
	t.must(err)
	return u.Query().Get("token")
}

func testLinks(t *test) {
	ev, ctx := t.event(), t.Context()
	b := t.pay(t.hold(ev, "ann", "STALLS-A-1"))
	all, err := t.s.Links(ctx, []string{b.ID})
	if err != nil || !strings.HasPrefix(all[b.ID], "/orders/"+b.ID+"?token=") {
		t.Fatal(all, err)
	}
	own, err := t.s.LinksFor(ctx, fan("ann"), []bookingapi.Booking{b})
	if err != nil || own[b.ID] != all[b.ID] {
		t.Errorf("the owner's link: %v %v", own, err)
	}
	if none, err := t.s.LinksFor(ctx, boss(), []bookingapi.Booking{b}); err != nil || len(none) != 0 {
		t.Errorf("the organizer's link to what somebody bought: %v %v", none, err)
	}
	token := tokenOf(t, all[b.ID])
	for _, c := range []caller.Caller{{}, fan("bob")} {
		if got, err := t.s.Readable(ctx, c, b.ID, token); err != nil || got.ID != b.ID {
			t.Errorf("by its token: %+v %v", got, err)
		}
	}
	for _, c := range []caller.Caller{fan("ann"), boss()} {
		if _, err := t.s.Readable(ctx, c, b.ID, ""); err != nil {
			t.Errorf("%s: %v", c.UserID, err)
		}
	}
	_, err = t.s.Readable(ctx, fan("bob"), b.ID, "")
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.Readable(ctx, caller.Caller{}, b.ID, "")
	t.refused(err, errs.Unauthenticated, "sign-in-required")
	_, err = t.s.RenewLink(ctx, boss(), b.ID, "")
	t.refused(err, errs.Forbidden, "not-yours-to-change")
	for range 2 { // the second time the token has been replaced already
		_, err = t.s.RenewLink(ctx, fan("ann"), b.ID, token)
		t.must(err)
	}
	_, err = t.s.Readable(ctx, caller.Caller{}, b.ID, token)
	t.refused(err, errs.NotFound, "not-found")
	fresh, err := t.s.Links(ctx, []string{b.ID})
	t.must(err)
	if _, err := t.s.Readable(ctx, caller.Caller{}, b.ID, tokenOf(t, fresh[b.ID])); err != nil {
		t.Errorf("the new link: %v", err)
	}
	_, err = t.s.RenewLink(ctx, caller.System, b.ID, tokenOf(t, fresh[b.ID]))
	t.must(err)
	_, err = t.s.Readable(ctx, caller.Caller{}, b.ID, tokenOf(t, fresh[b.ID]))
	t.refused(err, errs.NotFound, "not-found")
}

func testAccounts(t *test) {
	ev, other, ctx := t.event(), t.event(), t.Context()
	ids := []string{t.hold(ev, "guest", "STALLS-A-1").ID, t.pay(t.hold(other, "guest", "STALLS-A-1")).ID}
	slices.Sort(ids)
	if got, err := t.s.OfUser(ctx, "guest", ids[1], 10); err != nil || !slices.Equal(got, ids[1:]) {
		t.Errorf("from the second on: %v %v", got, err)
	}
	if got, more, err := t.s.LatestOfUser(ctx, "guest", 1); err != nil || !more || !slices.Equal(got, ids[1:]) {
		t.Errorf("the latest: %v %v %v", got, more, err)
	}
	email := caller.EmailKey{1}
	for range 2 { // it may be called again
		t.must(t.s.Adopt(ctx, "guest", "ann", email))
	}
	for _, one := range ids {
		if b := t.now(one); b.UserID != "ann" || b.Unproved {
			t.Errorf("%+v", b)
		}
	}
	for user, want := range map[string]bool{"ann": true, "guest": false} {
		if live, err := t.s.HasLive(ctx, user); err != nil || live != want {
			t.Errorf("%s has live bookings: %v %v", user, live, err)
		}
	}
	few := t.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 1 })
	t.pay(t.hold(few, "ann", "STALLS-A-1"))
	stays := t.hold(few, "guest", "STALLS-A-2")
	err := t.s.Adopt(ctx, "guest", "ann", email)
	t.refused(err, errs.Conflict, "too-many-seats")
	if left, _ := errs.Of(err).Extra["bookings"].([]string); !slices.Equal(left, []string{stays.ID}) {
		t.Errorf("%v stay", left)
	}
}

func testGiveUp(t *test) {
	ev, past, ctx := t.event(), t.event(), t.Context()
	before := t.pay(t.hold(ev, "ann", "STALLS-A-1"))
	expired := t.hold(ev, "ann", "STALLS-A-2")
	t.w.clock.Add(9 * minute)
	t.must(t.s.GiveUp(ctx, "ann", 0, nil))
	since := t.w.clock.Load()
	after, spared := t.pay(t.hold(ev, "ann", "STALLS-A-3")), t.pay(t.hold(past, "ann", "STALLS-A-1"))
	for range 2 {
		t.must(t.s.GiveUp(ctx, "ann", since, []string{past}))
	}
	for id, want := range map[string]bookingapi.Status{expired.ID: bookingapi.Cancelled, before.ID: bookingapi.Booked, after.ID: bookingapi.Cancelled, spared.ID: bookingapi.Booked} {
		if b := t.now(id); b.Status != want {
			t.Errorf("%s is %s, not %s", id, b.Status, want)
		}
	}
}

func testGrants(t *test) {
	ev, ctx := t.event(), t.Context()
	block := bookingapi.Grant{EventID: ev, Kind: bookingapi.Block, Selection: bookingapi.Selection{Seats: []string{"STALLS-A-1"}}}
	_, err := t.s.Grant(ctx, fan("ann"), "", block)
	t.refused(err, errs.NotFound, "not-found")
	first, err := t.s.Grant(ctx, boss(), "key", block)
	if err != nil || first.Status != bookingapi.Booked || first.Amount != 0 || first.PriceVersion != bookingapi.FreeOfCharge || first.PaymentID != bookingapi.Block {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := t.s.Grant(ctx, boss(), "key", block); err != nil || again.ID != first.ID {
		t.Errorf("%+v %v", again, err)
	}
	block.Seats = nil
	_, err = t.s.Grant(ctx, boss(), "", block)
	t.refused(err, errs.Invalid, "invalid-field")
	given, err := t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Complimentary, UserID: "ann", Selection: bookingapi.Selection{Quantity: 2, Section: "PIT"}})
	if err != nil || given.UserID != "ann" || len(given.Seats) != 2 {
		t.Errorf("%+v %v", given, err)
	}
	if live, err := t.s.HasLive(ctx, "ann"); err != nil || live {
		t.Errorf("a gift counts: %v %v", live, err)
	}
}

func testGifts(t *test) {
	ev, ctx := t.event(), t.Context()
	ada := caller.Person{Name: "Ada", Email: "ada@example.org"}
	b, err := t.s.Grant(ctx, boss(), "key", bookingapi.Grant{EventID: ev, Kind: bookingapi.Complimentary, To: ada, Selection: bookingapi.Selection{Seats: []string{"STALLS-A-1"}}})
	if err != nil || b.UserID != "" {
		t.Fatalf("%+v %v", b, err)
	}
	if to, err := t.s.Recipients(ctx, []string{b.ID, id0(ev)}); err != nil || len(to) != 1 || to[b.ID].Person != ada || to[b.ID].MailedAt != 0 {
		t.Errorf("recipients: %+v %v", to, err)
	}
	if due, err := t.s.GiftsDue(ctx, "", 10); err != nil || !slices.Equal(due, []string{b.ID}) {
		t.Errorf("due: %v %v", due, err)
	}
	g, due, err := t.s.GiftDue(ctx, b.ID)
	if err != nil || !due || g.To.Person != ada || g.Link == "" || g.ID != b.ID {
		t.Errorf("%+v %v %v", g, due, err)
	}
	if links, err := t.s.LinksFor(ctx, boss(), []bookingapi.Booking{b}); err != nil || links[b.ID] != g.Link {
		t.Errorf("the organizer passes it on: %v %v", links, err)
	}
	t.must(t.s.GiftMailed(ctx, g))
	if _, due, err := t.s.GiftDue(ctx, b.ID); err != nil || due {
		t.Errorf("it is due again: %v", err)
	}
	eve := caller.Person{Name: "Eve", Email: "eve@example.org"}
	t.must(t.s.GiveTo(ctx, boss(), b.ID, eve, 0))
	g2, due, err := t.s.GiftDue(ctx, b.ID)
	if err != nil || !due || g2.To.Person != eve || g2.Link == g.Link {
		t.Errorf("%+v %v %v", g2, due, err)
	}
	t.refused(t.s.GiveTo(ctx, fan("ann"), b.ID, eve, 0), errs.NotFound, "not-found")
	if _, err := t.s.Cancel(ctx, boss(), bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		t.Fatal(err)
	}
	if _, due, err := t.s.GiftDue(ctx, b.ID); err != nil || due {
		t.Errorf("what was taken back is due: %v", err)
	}
}

func testReports(t *test) {
	ev, ctx := t.event(), t.Context()
	a := t.pay(t.hold(ev, "ann", "STALLS-A-1", "STALLS-A-2"))
	t.w.clock.Add(3 * minute)
	b := t.pay(t.hold(ev, "bob", "STALLS-A-3"))
	t.hold(ev, "cem", "STALLS-A-4")
	_, err := t.s.Grant(ctx, boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Block, Selection: bookingapi.Selection{Quantity: 1, Section: "PIT"}})
	t.must(err)
	f, err := t.s.Figures(ctx, ev)
	if err != nil || f.Bookings != 2 || f.Seats != 3 || f.Amount != 3000 || f.Fees != 300 || f.Blocked != 1 || len(f.Tiers) != 1 || f.Tiers[0].Seats != 3 {
		t.Errorf("figures: %+v %v", f, err)
	}
	sections, err := t.s.SectionFigures(ctx, ev)
	if err != nil || len(sections) != 2 || sections[0].Sold != 3 || sections[0].Held != 1 || sections[1].Sold != 1 {
		t.Errorf("sections: %+v %v", sections, err)
	}
	pace, err := t.s.Pace(ctx, ev)
	if err != nil || len(pace) != 2 || pace[0].Bookings != 1 || pace[1].At.Sub(pace[0].At).Minutes() != 3 {
		t.Errorf("pace: %+v %v", pace, err)
	}
	latest, err := t.s.Latest(ctx, ev, 3)
	if err != nil || len(latest) != 3 || latest[1].ID != b.ID || latest[2].ID != a.ID {
		t.Errorf("latest: %+v %v", latest, err)
	}
	found, err := t.s.ByReference(ctx, ev, id.Reference(a.ID))
	if err != nil || len(found) != 1 || found[0].ID != a.ID {
		t.Errorf("by reference: %+v %v", found, err)
	}
	_, err = t.s.Figures(ctx, "0000000000000000")
	t.refused(err, errs.NotFound, "not-found")
}
