package issue

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb/sqldbtest"
)

const event, otherEvent = "06evjtkv80f5x1n8", "06evjtkv80f5x1n9"

// world has three bookings: Ann's, a gift that belongs to no account, and one that was
// cancelled.
type world struct{ list map[string]bookingapi.Booking }

var (
	anns  = id.Booking(event, "ann", "1")
	gift  = id.Booking(event, "boss", "1")
	over  = id.Booking(event, "ann", "2")
	other = id.Booking(otherEvent, "ann", "1")
)

func newWorld() *world {
	w := &world{map[string]bookingapi.Booking{}}
	for _, b := range []bookingapi.Booking{
		{ID: anns, UserID: "ann", Seats: []int32{3, 4}}, {ID: gift, Seats: []int32{7}}, {ID: over, UserID: "ann", Status: bookingapi.Cancelled, Seats: []int32{9}},
		{ID: other, UserID: "ann", Seats: []int32{3}},
	} {
		b.EventID, b.OrganizerID = id.Event(b.ID), "boss"
		if b.Status == "" {
			b.Status = bookingapi.Booked
		}
		w.list[b.ID] = b
	}
	return w
}

func (w *world) Readable(_ context.Context, c caller.Caller, bookingID, token string) (bookingapi.Booking, error) {
	b, ok := w.list[bookingID]
	if !ok || token != "" && token != "link" || token == "" && !c.MayRead(b.UserID) && !c.MayOrganize(b.OrganizerID) {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return b, nil
}

func (w *world) Orders(_ context.Context, list []bookingapi.Booking) (out []bookingapi.Order, _ error) {
	for _, b := range list {
		o := bookingapi.Order{Booking: b, Kind: bookingapi.Sold}
		for _, seat := range b.Seats {
			o.Places = append(o.Places, bookingapi.Place{Seat: seat, Label: "A-" + string(rune('0'+seat))})
		}
		out = append(out, o)
	}
	return out, nil
}

var now = time.UnixMicro(1_700_000_000_000_000)

// rules has codes that rotate at the door of the event, and of no other.
func rules(_ context.Context, eventID string) (checkinapi.Settings, error) {
	s := checkinapi.Defaults(eventID)
	if eventID == event {
		s.Codes, s.Paper = checkinapi.CodesRotating, false
	}
	return s, nil
}

// start makes two nodes on one database.
func start(t *testing.T) (one, two *Issues) {
	t.Helper()
	cfg, w := sqldbtest.Fresh(t), newWorld()
	cfg.Together = true
	open := func() *Issues {
		s, err := New(t.Context(), Config{DB: sqldbtest.Again(t, cfg), Now: func() time.Time { return now }, Bookings: w, Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return open(), open()
}

var (
	ann  = caller.Caller{UserID: "ann", Role: caller.Customer}
	bob  = caller.Caller{UserID: "bob", Role: caller.Customer}
	boss = caller.Caller{UserID: "boss", Role: caller.Organizer}
)

func TestBind(t *testing.T) {
	one, two := start(t)
	ctx := t.Context()
	phone, other32, third := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32)
	bind := func(s *Issues, c caller.Caller, token string, r checkinapi.BindRequest) (map[int32]checkinapi.Issue, error) {
		t.Helper()
		_, issues, err := s.Bind(ctx, c, token, r)
		return issues, err
	}
	refused := func(name, slug string, c caller.Caller, token string, r checkinapi.BindRequest) {
		t.Helper()
		if r.Key == nil {
			r.Key = phone
		}
		if _, err := bind(one, c, token, r); !errs.Is(err, slug) {
			t.Errorf("%s: %v, not %s", name, err, slug)
		}
	}
	refused("a stranger", "not-found", bob, "", checkinapi.BindRequest{BookingID: anns})
	refused("the organizer", "not-found", boss, "", checkinapi.BindRequest{BookingID: anns})
	refused("a wrong link", "not-found", caller.Caller{}, "x", checkinapi.BindRequest{BookingID: anns})
	refused("no key", "invalid-field", ann, "", checkinapi.BindRequest{BookingID: anns, Key: phone[1:]})
	refused("cancelled", "no-tickets", ann, "", checkinapi.BindRequest{BookingID: over})
	refused("an event with fixed codes", "codes-fixed", ann, "", checkinapi.BindRequest{BookingID: other})
	refused("another's seat", "invalid-field", ann, "", checkinapi.BindRequest{BookingID: anns, Seats: []string{"A-9"}})

	got, err := bind(one, ann, "", checkinapi.BindRequest{BookingID: anns, Key: phone, Seen: errs.NotYet})
	if err != nil || len(got) != 2 || got[3].Number != 1 || !bytes.Equal(got[3].BoundKey, phone) || got[4].Number != 1 || got[4].By != "ann" {
		t.Fatalf("%+v %v", got, err)
	}
	if again, err := bind(two, ann, "", checkinapi.BindRequest{BookingID: anns, Key: phone, Seen: errs.NotYet}); err != nil || again[3].Number != 1 || again[3].Rev != got[3].Rev {
		t.Errorf("the same again: %+v %v", again, err)
	}
	_, err = bind(two, caller.Caller{}, "link", checkinapi.BindRequest{BookingID: anns, Key: other32})
	if e := errs.Of(err); e == nil || e.Type != "bound-elsewhere" || !strings.Contains(fmt.Sprint(e), "phone") {
		t.Errorf("elsewhere: %v", err)
	}
	refused("it moved in the meantime", "tickets-changed", ann, "", checkinapi.BindRequest{BookingID: anns, Key: third, Move: true, Seen: got[3].Rev - 1 + 100})
	moved, err := bind(two, caller.Caller{}, "link", checkinapi.BindRequest{BookingID: anns, Seats: []string{"A-4"}, Key: other32, Move: true, Seen: max(got[3].Rev, got[4].Rev)})
	if err != nil || moved[4].Number != 2 || !bytes.Equal(moved[4].BoundKey, other32) || moved[3].Number != 1 || moved[4].By != "" {
		t.Errorf("moved: %+v %v", moved, err)
	}
	refused("one of two is elsewhere", "bound-elsewhere", ann, "", checkinapi.BindRequest{BookingID: anns})
	if all, err := one.Issues(ctx, []string{anns}); err != nil || all[anns][3].Number != 1 || all[anns][4].Number != 2 || !bytes.Equal(all[anns][4].BoundKey, other32) {
		t.Errorf("a refusal has changed something: %+v %v", all, err)
	}
	_, unbound, err := one.Reissue(ctx, ann, "", checkinapi.ReissueRequest{BookingID: anns, Seats: []string{"A-4"}})
	if err != nil || unbound[4].Number != 3 || unbound[4].BoundKey != nil {
		t.Errorf("replaced: %+v %v", unbound, err)
	}
	if all, err := two.Issues(ctx, []string{anns}); err != nil || len(all[anns][4].BoundKey) != 0 || !bytes.Equal(all[anns][3].BoundKey, phone) {
		t.Errorf("after it was replaced: %+v %v", all, err)
	}
	if is, err := one.Showing(ctx, event); err != nil || is != (checkinapi.Showing{Rotating: true}) {
		t.Errorf("%+v %v", is, err)
	}
	if is, err := one.Showing(ctx, otherEvent); err != nil || is != (checkinapi.Showing{Paper: true}) {
		t.Errorf("%+v %v", is, err)
	}
}

// Of many phones that bind one ticket at the same time, one has it; nobody takes it away
// from another without saying so.
func TestBindRace(t *testing.T) {
	one, two := start(t)
	var have atomic.Int32
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			_, issues, err := []*Issues{one, two}[n%2].Bind(t.Context(), ann, "", checkinapi.BindRequest{BookingID: anns, Key: bytes.Repeat([]byte{byte(n + 1)}, 32)})
			switch {
			case err == nil && issues[3].BoundKey[0] == byte(n+1):
				have.Add(1)
			case !errs.Is(err, "bound-elsewhere"):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if all, err := one.Issues(t.Context(), []string{anns}); err != nil || have.Load() != 1 || all[anns][3].Number != 1 {
		t.Errorf("%d phones have it: %+v %v", have.Load(), all, err)
	}
}

func TestReissue(t *testing.T) {
	one, two := start(t)
	ctx := t.Context()
	again := func(s *Issues, c caller.Caller, token string, r checkinapi.ReissueRequest) map[int32]checkinapi.Issue {
		t.Helper()
		o, issues, err := s.Reissue(ctx, c, token, r)
		if err != nil || o.ID != r.BookingID {
			t.Fatalf("%s %v", o.ID, err)
		}
		return issues
	}
	if all, err := one.Issues(ctx, []string{anns, gift}); err != nil || len(all) != 0 {
		t.Errorf("before: %v %v", all, err)
	}
	got := again(one, ann, "", checkinapi.ReissueRequest{BookingID: anns})
	if len(got) != 2 || got[3].Number != 1 || got[4].Number != 1 || got[3].Rev == got[4].Rev || got[3].By != "ann" || got[3].At != now.UnixMicro() || got[3].Reason != "" {
		t.Errorf("all: %+v", got)
	}
	got = again(two, boss, "", checkinapi.ReissueRequest{BookingID: anns, Seats: []string{"A-4"}, Reason: " The printed ones were lost. "})
	if got[3].Number != 1 || got[4].Number != 2 || got[4].By != "boss" || got[4].Reason != "The printed ones were lost." || got[4].Rev != 3 {
		t.Errorf("one of them: %+v", got)
	}
	got = again(one, caller.Caller{}, "link", checkinapi.ReissueRequest{BookingID: gift})
	if len(got) != 1 || got[7].Number != 1 || got[7].By != "" || got[7].Rev != 4 {
		t.Errorf("by its link: %+v", got)
	}
	again(one, ann, "", checkinapi.ReissueRequest{BookingID: other})

	all, err := two.Issues(ctx, []string{gift, anns, "not an id", anns, over})
	if err != nil || len(all) != 2 || all[anns][4].Number != 2 || all[anns][3].Number != 1 || all[gift][7].Number != 1 {
		t.Errorf("%+v %v", all, err)
	}
	since, err := two.IssuesSince(ctx, event, 1, 2)
	if err != nil || len(since) != 2 || since[0].BookingID != anns || since[0].Seat != 4 || since[0].Rev != 3 || since[1].BookingID != gift {
		t.Errorf("since 1: %+v %v", since, err)
	}
	if ids, last, err := one.Reissued(ctx, event, 0, 10); err != nil || last != 4 || !slices.Equal(ids, []string{anns, gift}) {
		t.Errorf("bookings: %v %d %v", ids, last, err)
	}
	if since, err = two.IssuesSince(ctx, event, 4, 10); err != nil || len(since) != 0 {
		t.Errorf("since the last: %+v %v", since, err)
	}
	revs, err := one.IssueRevs(ctx, []string{event, otherEvent, "06evjtkv80f5x1nz"})
	if err != nil || len(revs) != 2 || revs[event] != 4 || revs[otherEvent] != 1 {
		t.Errorf("%v %v", revs, err)
	}
}

func TestReissueRefuses(t *testing.T) {
	one, _ := start(t)
	for _, c := range []struct {
		name, slug string
		who        caller.Caller
		token      string
		r          checkinapi.ReissueRequest
	}{
		{"a stranger", "not-found", bob, "", checkinapi.ReissueRequest{BookingID: anns}},
		{"a wrong link", "not-found", bob, "lnk", checkinapi.ReissueRequest{BookingID: anns}},
		{"no booking", "not-found", ann, "", checkinapi.ReissueRequest{BookingID: "x"}},
		{"cancelled", "no-tickets", ann, "", checkinapi.ReissueRequest{BookingID: over}},
		{"a seat of somebody else", "invalid-field", ann, "", checkinapi.ReissueRequest{BookingID: anns, Seats: []string{"A-3", "A-7"}}},
		{"an organizer without a reason", "invalid-field", boss, "", checkinapi.ReissueRequest{BookingID: anns, Reason: " "}},
		{"a long reason", "invalid-field", ann, "", checkinapi.ReissueRequest{BookingID: anns, Reason: strings.Repeat("x", 301)}},
		{"a reason that is not shown", "invalid-field", ann, "", checkinapi.ReissueRequest{BookingID: anns, Reason: "a\u202eb"}},
	} {
		if _, got, err := one.Reissue(t.Context(), c.who, c.token, c.r); !errs.Is(err, c.slug) || got != nil {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
	if revs, err := one.IssueRevs(t.Context(), []string{event}); err != nil || revs[event] != 0 {
		t.Errorf("something was replaced: %v %v", revs, err)
	}
}

// A form that is sent twice replaces once; a request without what was seen, each time, but
// not for ever.
func TestReissueTwice(t *testing.T) {
	one, two := start(t)
	ask := func(s *Issues, seen int64) (uint16, error) {
		_, issues, err := s.Reissue(t.Context(), ann, "", checkinapi.ReissueRequest{BookingID: other, Seen: seen})
		return issues[3].Number, err
	}
	for _, c := range []struct {
		seen int64
		want uint16
	}{{errs.NotYet, 1}, {errs.NotYet, 1}, {1, 2}, {1, 2}, {2, 3}, {0, 4}} {
		for _, s := range []*Issues{one, two} {
			if got, err := ask(s, c.seen); err != nil || got != c.want && c.seen != 0 {
				t.Errorf("seen %d: issue %d, not %d: %v", c.seen, got, c.want, err)
			}
		}
	}
	err := one.cfg.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE door_issues SET issue = $1 WHERE booking_id = $2`, most-1, other)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(one, 0); err != nil || got != most {
		t.Errorf("issue %d: %v", got, err)
	}
	if got, err := ask(two, 0); !errs.Is(err, "replaced-too-often") {
		t.Errorf("issue %d: %v", got, err)
	}
	if all, err := one.Issues(t.Context(), []string{other}); err != nil || all[other][3].Number != most {
		t.Errorf("%v %v", all, err)
	}
}

// Two nodes that replace tickets at the same time give each change a number of its own.
func TestRevsHaveNoGaps(t *testing.T) {
	one, two := start(t)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		s, booking := []*Issues{one, two}[i%2], []string{anns, gift}[i/2%2]
		wg.Go(func() {
			_, _, err := s.Reissue(t.Context(), boss, "", checkinapi.ReissueRequest{BookingID: booking, Reason: "Again."})
			if err != nil {
				t.Error(err)
			}
			made.Add(int64(len(newWorld().list[booking].Seats)))
		})
	}
	wg.Wait()
	revs, err := one.IssueRevs(t.Context(), []string{event})
	all, unread := two.Issues(t.Context(), []string{anns, gift})
	if err != nil || unread != nil || revs[event] != made.Load() || all[anns][3].Number != 10 || all[gift][7].Number != 10 {
		t.Errorf("%v %+v, %d made: %v %v", revs, all, made.Load(), err, unread)
	}
}
