package checkin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
)

// named pairs a device that may see names.
func named(t *testing.T, s *Service) checkinapi.Device {
	t.Helper()
	set := checkinapi.Defaults(gala)
	set.Names = true
	if _, err := s.SetSettings(t.Context(), hall, 0, set); err != nil {
		t.Fatal(err)
	}
	d, _ := pair(t, s, checkinapi.PairingRequest{Names: true})
	return d
}

// Guests on a list have tickets like all others. The door knows who is on it, on all nodes.
func TestLists(t *testing.T) {
	w := newWorld(t)
	one, two := w.node(t), w.node(t)
	d := named(t, one)
	ada, bob, eve := w.sell("ada", 1, 2), w.sell("bob", 3), w.sell("eve", 4)
	set := func(s *Service, booking, list, want string) {
		t.Helper()
		if got, err := s.SetList(t.Context(), hall, booking, list); err != nil || got != want {
			t.Fatalf("%q on %q: %v", got, list, err)
		}
	}
	set(one, ada, "  Presse  und TV ", "Presse und TV")
	set(one, bob, "presse UND tv", "Presse und TV")
	set(one, ada, "Presse und TV", "Presse und TV")
	set(one, eve, "VIP", "VIP")
	set(one, eve, "vip", "vip") // nobody else is on it
	g := &gateOf{t: t, s: two, w: w, device: d.ID}
	g.in(w.token(t, ada, 1))
	a, err := two.Attendance(t.Context(), hall, gala)
	if err != nil || fmt.Sprint(a.Lists) != "[{Presse und TV Presse und TV 1 1 3} {vip vip 0 0 1}]" {
		t.Errorf("%v %v", a.Lists, err)
	}
	list, err := two.OnList(t.Context(), hall, gala, "presse UND tv")
	if err != nil || len(list) != 3 || list[0].Name != "Ada Byron" || !list[0].Inside || list[1].Inside || list[2].BookingID != bob || list[2].List != "Presse und TV" {
		t.Errorf("%+v %v", list, err)
	}
	if list, err = two.OnList(t.Context(), hall, gala, ""); err != nil || len(list) != 0 {
		t.Errorf("of no list: %+v %v", list, err)
	}
	answers := g.send(g.scan(checkinapi.In, w.token(t, bob, 3)))
	if err := two.addNames(t.Context(), &d, answers); err != nil || answers[0].List != "Presse und TV" || answers[0].Name != "Bob Byron" {
		t.Errorf("%+v %v", answers, err)
	}
	for visit := range must(two.Visited(t.Context(), hall, gala)) {
		if visit.List != "Presse und TV" {
			t.Errorf("%+v", visit)
		}
	}
	set(two, bob, "", "")
	set(two, bob, "", "")
	w.refund(eve)
	if of, err := one.ListsOf(t.Context(), hall, gala, []string{ada, bob}); err != nil || fmt.Sprint(of) != fmt.Sprintf("map[%s:Presse und TV]", ada) {
		t.Errorf("%v %v", of, err)
	}
	log, err := one.Log(t.Context(), hall, gala, 100)
	var said []string
	for _, e := range log {
		if e.What == checkinapi.LogList {
			said = append(said, e.Detail)
		}
	}
	if err != nil || !slices.Equal(said, []string{"", "vip", "VIP", "Presse und TV", "Presse und TV"}) {
		t.Errorf("%q %v", said, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestListsRefuse(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ada, over := w.sell("ada", 1), w.sell("bob", 2)
	w.refund(over)
	for name, c := range map[string]struct {
		who           caller.Caller
		booking, list string
		slug          string
	}{
		"nobody":         {caller.Caller{}, ada, "VIP", "sign-in-required"},
		"a fan":          {fan, ada, "VIP", "not-found"},
		"a rival":        {rival, ada, "VIP", "not-found"},
		"no booking":     {hall, "x", "VIP", "not-found"},
		"unknown":        {hall, id.Booking(gala, "nobody", "1"), "VIP", "not-found"},
		"cancelled":      {hall, over, "VIP", "no-tickets"},
		"too long":       {hall, ada, strings.Repeat("x", 41), "invalid-field"},
		"hidden letters": {hall, ada, "V\u202eIP", "invalid-field"},
	} {
		if _, err := s.SetList(t.Context(), c.who, c.booking, c.list); !errs.Is(err, c.slug) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := s.SetList(t.Context(), hall, over, ""); err != nil || got != "" {
		t.Errorf("a cancelled booking cannot be taken off: %q %v", got, err)
	}
	lists := map[string]string{}
	for i := range listsMost {
		lists[fmt.Sprint(i)] = fmt.Sprint("List ", i)
	}
	if got, err := spelled(lists, "x", "LIST 7"); err != nil || got != "List 7" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := spelled(lists, "x", "One more"); !errs.Is(err, "too-many-lists") {
		t.Error(err)
	}
	if got, err := spelled(lists, "7", "One more"); err != nil || got != "One more" {
		t.Errorf("%q %v", got, err)
	}
}

// A guest who comes, goes, gets another name or another list changes one page of names.
func TestNamePages(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	named(t, s)
	booking := func(i int) string { return fmt.Sprintf("%s%020d", gala, i) }
	all := func(n int, rename string) (list []guest) {
		for i := range n {
			g := guest{place: place{booking(i), int32(2 * i)}, name: fmt.Sprint("Guest ", i)}
			if booking(i) == rename {
				g.name = "Somebody else"
			}
			list = append(list, g, guest{place: place{g.booking, g.seat + 1}, name: g.name})
		}
		return list
	}
	digests := func(list []guest, lists map[string]string) []string {
		t.Helper()
		n, err := makeNames(list, &rules{lists: lists})
		if err != nil {
			t.Fatal(err)
		}
		seats := 0
		for _, page := range n.pages {
			for _, b := range page {
				seats += len(b.Ordinals)
			}
		}
		if seats != len(list) {
			t.Errorf("%d of %d seats", seats, len(list))
		}
		return n.digests
	}
	differ := func(a, b []string) (n int) {
		for i := range a {
			if a[i] != b[i] {
				n++
			}
		}
		return n
	}
	before := digests(all(2000, ""), nil)
	if len(before) != 8 || differ(before, digests(all(2000, ""), nil)) != 0 {
		t.Errorf("%d pages", len(before))
	}
	for name, now := range map[string][]string{
		"a name":     digests(all(2000, booking(7)), nil),
		"a list":     digests(all(2000, ""), map[string]string{booking(7): "VIP"}),
		"one leaves": digests(all(2000, "")[2:], nil),
		"one comes":  digests(all(2001, ""), nil),
	} {
		if n := differ(before, now); n != 1 {
			t.Errorf("%s: %d pages change", name, n)
		}
	}
	if n := len(digests(nil, nil)); n != 1 {
		t.Errorf("%d pages of nobody", n)
	}
}

// A device reads the pages of names of its event as long as it may, and not too many.
func TestNamesOfDevices(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	named(t, s)
	ada := w.sell("ada", 1, 2)
	if _, err := s.SetList(t.Context(), hall, ada, "VIP"); err != nil {
		t.Fatal(err)
	}
	n, err := s.pagesOf(t.Context(), gala)
	if err != nil || len(n.pages) != 1 || fmt.Sprint(n.pages[0]) != fmt.Sprintf("[{%s Ada Byron VIP [1 2]}]", ada) {
		t.Errorf("%v %v", n, err)
	}
	as := func(token string) context.Context { return context.WithValue(t.Context(), caller.TokenKey{}, token) }
	_, token := pair(t, s, checkinapi.PairingRequest{Names: true})
	if out, err := s.nameTable(as(token)); err != nil || out.Body.Pages[0] != n.digests[0] {
		t.Errorf("%v %v", out, err)
	}
	if out, err := s.namePage(as(token), 0); err != nil || out.Body.Digest != n.digests[0] || len(out.Body.Items) != 1 {
		t.Errorf("%v %v", out, err)
	}
	if _, err := s.namePage(as(token), 1); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	_, other := pair(t, s, checkinapi.PairingRequest{})
	if _, err := s.nameTable(as(other)); !errs.Is(err, "no-names") {
		t.Errorf("a device without the right: %v", err)
	}
	refused := 0
	for range int(nameRate.Burst) + 20 {
		if _, err := s.namePage(as(token), 0); errs.Is(err, "too-many-searches") {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d refused", refused)
	}
	off := checkinapi.Defaults(gala)
	if _, err := s.SetSettings(t.Context(), hall, 0, off); err != nil {
		t.Fatal(err)
	}
	if _, err := s.nameTable(as(token)); !errs.Is(err, "no-names") {
		t.Errorf("the rule is switched off: %v", err)
	}
}

// What organizers do by hand is in the log, with account, time and reason.
func TestLog(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	d := named(t, s)
	ada := w.sell("ada", 1)
	label := w.plan.Seats[1].Label
	if _, err := s.Correct(t.Context(), hall, checkinapi.Correction{BookingID: ada, Seat: label, Kind: checkinapi.In, Reason: "The scanner was broken."}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Revoke(t.Context(), admin, gala, d.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.issues = map[string]map[int32]checkinapi.Issue{ada: {1: {Number: 2, Rev: 1, At: w.now.UnixMicro() + 5, By: "hall", Reason: "Lost."}}}
	if _, err := s.Log(t.Context(), rival, gala, 10); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	log, err := s.Log(t.Context(), hall, gala, 10)
	if err != nil {
		t.Fatal(err)
	}
	said := map[checkinapi.Did]string{}
	for _, e := range log {
		said[e.What] += fmt.Sprintln(e.By, e.Device, e.BookingID, e.Spot.Label, strings.HasPrefix(e.Detail, "{"), e.Reason)
	}
	for what, want := range map[checkinapi.Did]string{
		checkinapi.LogSettings:   "hall    true \n",
		checkinapi.LogPairing:    "hall Door   false \n",
		checkinapi.LogPaired:     "hall Door   false \n",
		checkinapi.LogRevoked:    "admin Door   false \n",
		checkinapi.LogCorrection: "hall  " + ada + " " + label + " false The scanner was broken.\n",
		checkinapi.LogReissue:    "hall  " + ada + " " + label + " false Lost.\n",
	} {
		if said[what] != want {
			t.Errorf("%s: %q, want %q", what, said[what], want)
		}
	}
	if log[0].What != checkinapi.LogReissue || log[0].Detail != "2" {
		t.Errorf("the latest is %+v", log[0])
	}
	if log, err = s.Log(t.Context(), hall, gala, 2); err != nil || len(log) != 2 {
		t.Errorf("%d %v", len(log), err)
	}
}
