package checkin

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/ticket"
)

var (
	hall  = caller.Caller{UserID: "hall", Role: caller.Organizer}
	rival = caller.Caller{UserID: "rival", Role: caller.Organizer}
	admin = caller.Caller{UserID: "admin", Role: caller.Admin}
	fan   = caller.Caller{UserID: "fan", Role: caller.Customer}
)

const gala = "06a1b2c3d4e5f6g7"

// world is what the service needs of others, and an event with 60 seats.
type world struct {
	cfg    sqldb.Config
	plan   *seating.Plan
	signer ticket.Signer

	mu       sync.Mutex
	now      time.Time
	seq      int64
	ledger   []ledger.Entry
	bookings map[string]bookingapi.Booking
	event    eventapi.Event
	issues   map[string]map[int32]checkinapi.Issue
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{cfg: sqldbtest.Fresh(t), now: time.UnixMicro(evening), bookings: map[string]bookingapi.Booking{}}
	w.cfg.Together = w.cfg.URL == ""
	plan, err := seating.Generate("theatre/2", 60)
	if err != nil {
		t.Fatal(err)
	}
	plan.ID, plan.Version = "plan", 3
	w.plan = plan
	if w.signer, err = ticket.NewSigner([]ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))}); err != nil {
		t.Fatal(err)
	}
	w.event = eventapi.Event{ID: gala, OrganizerID: "hall", Title: "Gala", PlanID: "plan", PlanVersion: 3, Zone: "Europe/Berlin", Starts: w.now.Add(time.Hour), Over: w.now.Add(4 * time.Hour)}
	return w
}

// node is one more node over the world's database.
func (w *world) node(t testing.TB) *Service {
	t.Helper()
	db := sqldbtest.Again(t, w.cfg)
	s, err := New(t.Context(), Config{DB: db, Now: w.clock, Bookings: w, Events: w, People: w, Issues: w, Keys: w.signer.Keys, Signer: w.signer, PublicURL: "https://tickets.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); _ = db.Close() })
	return s
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// sell sells seats to a fan, and returns the booking's id.
func (w *world) sell(who string, seats ...int32) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	b := bookingapi.Booking{ID: id.Booking(gala, who, fmt.Sprint(w.seq)), EventID: gala, UserID: who, OrganizerID: "hall", Status: bookingapi.Booked, Seats: seats, PlanID: "plan", PlanVersion: 3, Seq: w.seq}
	w.bookings[b.ID] = b
	w.ledger = append(w.ledger, ledger.Entry{Seq: w.seq, Kind: ledger.Booked, BookingID: b.ID, Seats: seats})
	return b.ID
}

// refund takes a booking back.
func (w *world) refund(bookingID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	b := w.bookings[bookingID]
	b.Status = bookingapi.Cancelled
	w.ledger = append(w.ledger, ledger.Entry{Seq: w.seq, Kind: ledger.Cancelled, BookingID: b.ID, Seats: b.Seats})
	w.bookings[bookingID] = b
}

func (w *world) token(t testing.TB, bookingID string, seat int32) string {
	t.Helper()
	token, err := w.signer.Sign(ticket.Ticket{BookingID: bookingID, Seat: seat, PlanVersion: 3})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (w *world) Bookings(_ context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]bookingapi.Booking{}
	for _, one := range ids {
		if b, ok := w.bookings[one]; ok {
			found[one] = b
		}
	}
	return found, nil
}

func (w *world) List(_ context.Context, f bookingapi.Filter) (list []bookingapi.Booking, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.bookings {
		if b.ID > f.After && b.Status == bookingapi.Booked {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b bookingapi.Booking) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(len(list), f.Limit)], nil
}

func (w *world) Recipients(context.Context, []string) (map[string]bookingapi.Recipient, error) {
	return nil, nil
}

func (w *world) Heads(context.Context, []string) (map[string]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[string]int64{gala: w.seq}, nil
}

func (w *world) Sold(context.Context, string) (bookingapi.SoldSeats, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sold := bookingapi.SoldSeats{Seq: w.seq, PlanID: "plan", PlanVersion: 3, Bookings: make([]string, len(w.plan.Seats))}
	for _, b := range w.bookings {
		for _, seat := range b.Seats {
			if b.Status == bookingapi.Booked {
				sold.Bookings[seat] = b.ID
			}
		}
	}
	return sold, nil
}

func (w *world) Holders(ctx context.Context, eventID string, seats []int32) (map[int32]string, error) {
	sold, err := w.Sold(ctx, eventID)
	out := map[int32]string{}
	for _, seat := range seats {
		if b := sold.Bookings[seat]; b != "" {
			out[seat] = b
		}
	}
	return out, err
}

func (w *world) Entries(_ context.Context, _ string, after int64, limit int) (list []ledger.Entry, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.ledger {
		if e.Seq > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}

func (w *world) Issues(context.Context, []string) (map[string]map[int32]checkinapi.Issue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.issues, nil
}

func (w *world) Events(_ context.Context, ids []string) (map[string]eventapi.Event, error) {
	found := map[string]eventapi.Event{}
	if slices.Contains(ids, gala) {
		found[gala] = w.event
	}
	return found, nil
}

func (w *world) OwnEvent(_ context.Context, c caller.Caller, eventID string) (eventapi.Event, error) {
	if eventID != gala || !c.MayOrganize("hall") {
		return eventapi.Event{}, errs.Missing("event")
	}
	return w.event, nil
}

func (w *world) Plan(context.Context, string, int64) (*seating.Plan, error) { return w.plan, nil }

func (w *world) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	found := map[string]caller.Person{}
	for _, one := range ids {
		found[one] = caller.Person{Name: strings.ToUpper(one[:1]) + one[1:] + " Byron"}
	}
	return found, nil
}

// pair pairs a device with the gala.
func pair(t testing.TB, s *Service, r checkinapi.PairingRequest) (checkinapi.Device, string) {
	t.Helper()
	r.EventID = gala
	if r.Name == "" {
		r.Name = "Door"
	}
	p, err := s.Pair(t.Context(), hall, r)
	if err != nil {
		t.Fatal(err)
	}
	d, token, err := s.Enter(t.Context(), "", p.Code, "")
	if err != nil {
		t.Fatal(err)
	}
	return d, token
}

// gateOf makes scans of one device.
type gateOf struct {
	t       testing.TB
	s       *Service
	w       *world
	device  string
	counter int64
}

func (w *world) gate(t testing.TB, s *Service) *gateOf {
	d, _ := pair(t, s, checkinapi.PairingRequest{})
	return &gateOf{t: t, s: s, w: w, device: d.ID}
}

// scan is a scan of a token that asks.
func (g *gateOf) scan(kind checkinapi.Kind, token string) checkinapi.Scan {
	g.counter++
	return checkinapi.Scan{Ref: checkinapi.Ref{Counter: g.counter}, Stamp: checkinapi.Stamp{At: g.w.clock().UnixMilli()}, Kind: kind, Token: token, Entrance: checkinapi.MainEntrance, How: checkinapi.Camera, OffsetKnown: true}
}

// alone is a scan that the device has decided alone.
func alone(s checkinapi.Scan, reason checkinapi.Reason) checkinapi.Scan {
	s.Decided, s.Reason = checkinapi.Admitted, reason
	if reason != checkinapi.OK {
		s.Decided = checkinapi.Refused
	}
	return s
}

func (g *gateOf) send(scans ...checkinapi.Scan) []checkinapi.Answer {
	g.t.Helper()
	answers, err := g.s.Take(context.Background(), gala, g.device, scans)
	if err != nil {
		g.t.Fatal(err)
	}
	return answers
}

// in asks to let a token in, and returns the reason.
func (g *gateOf) in(token string) checkinapi.Reason {
	g.t.Helper()
	return g.send(g.scan(checkinapi.In, token))[0].Reason
}

func (w *world) IssuesSince(_ context.Context, _ string, after int64, _ int) (list []checkinapi.SeatIssue, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for booking, seats := range w.issues {
		for seat, one := range seats {
			if one.Rev > after {
				list = append(list, checkinapi.SeatIssue{BookingID: booking, Seat: seat, Issue: one})
			}
		}
	}
	return list, nil
}

func (w *world) IssueRevs(context.Context, []string) (map[string]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rev := int64(0)
	for _, seats := range w.issues {
		for _, one := range seats {
			rev = max(rev, one.Rev)
		}
	}
	return map[string]int64{gala: rev}, nil
}

func (w *world) Replaced(ctx context.Context, eventID string, limit int) ([]checkinapi.SeatIssue, error) {
	return w.IssuesSince(ctx, eventID, 0, limit)
}
