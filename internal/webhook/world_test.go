package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

const (
	event1 = "06a1b2c3d4e5f601" // of ann
	event2 = "06a1b2c3d4e5f602" // of bob
)

var (
	ann   = caller.Caller{UserID: "ann0000000000001", Role: caller.Organizer, Verified: true}
	bob   = caller.Caller{UserID: "bob0000000000001", Role: caller.Organizer, Verified: true}
	fan   = caller.Caller{UserID: "fan0000000000001", Role: caller.Customer, Verified: true}
	admin = caller.Caller{UserID: "admin00000000001", Role: caller.Admin, Verified: true}
)

// neighbours are the services around, in memory.
type neighbours struct {
	mu      sync.Mutex
	ahead   time.Duration // by which the clock is ahead
	ledgers map[string][]ledger.Entry
	hears   []func([]ledger.Entry)
	others  []ledger.Listener // to other nodes
	blind   bool              // the heads of ledgers are not seen
	unborn  bool              // events are not known yet
	orders  map[string]bookingapi.Booking
	money   map[string]paymentapi.Payment
	refunds map[string]map[int64]paymentapi.Refund
	people  map[string]userapi.Account
	said    []notifyapi.Notice
	noMail  bool
}

func (n *neighbours) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Add(n.ahead)
}

func (n *neighbours) later(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead += d
}

func (n *neighbours) Heads(_ context.Context, ids []string) (map[string]int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	heads := map[string]int64{}
	for id, list := range n.ledgers {
		if n.blind {
			break
		}
		if ids == nil || slices.Contains(ids, id) {
			heads[id] = int64(len(list))
		}
	}
	return heads, nil
}

func (n *neighbours) Entries(_ context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.ledgers[eventID]
	return slices.Clone(list[after:min(int64(len(list)), after+int64(limit))]), nil
}

func (n *neighbours) Subscribe(fn func([]ledger.Entry)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hears = append(n.hears, fn)
}

func (n *neighbours) Overhear(_ context.Context, l ledger.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.others = append(n.others, l)
}

func (n *neighbours) Overhears() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.blind
}

// elsewhere has another node commit what a function commits, which is heard over the bus
// only.
func (n *neighbours) elsewhere(eventID string, commit func()) {
	n.mu.Lock()
	here, from := n.hears, len(n.ledgers[eventID])
	n.hears = nil
	n.mu.Unlock()
	commit()
	n.mu.Lock()
	n.hears = here
	run, others := slices.Clone(n.ledgers[eventID][from:]), slices.Clone(n.others)
	n.mu.Unlock()
	for _, l := range others {
		if l.Listens() && l.Wants(eventID, run[len(run)-1].Seq) {
			l.Hear(run)
		}
	}
}

func (n *neighbours) Bookings(_ context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return pick(n.orders, ids), nil
}

func (n *neighbours) Events(_ context.Context, ids []string) (map[string]eventapi.Event, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unborn {
		return nil, nil
	}
	all := map[string]eventapi.Event{event1: {ID: event1, OrganizerID: ann.UserID}, event2: {ID: event2, OrganizerID: bob.UserID}}
	return pick(all, ids), nil
}

func (n *neighbours) Latest(_ context.Context, ids []string) (map[string]paymentapi.Payment, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return pick(n.money, ids), nil
}

func (n *neighbours) RefundsOf(_ context.Context, eventID string, seqs []int64) (map[int64]paymentapi.Refund, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[int64]paymentapi.Refund{}
	for _, seq := range seqs {
		if r, ok := n.refunds[eventID][seq]; ok {
			out[seq] = r
		}
	}
	return out, nil
}

func pick[T any](from map[string]T, ids []string) map[string]T {
	out := maps.Clone(from)
	maps.DeleteFunc(out, func(id string, _ T) bool { return !slices.Contains(ids, id) })
	return out
}

func (n *neighbours) Account(_ context.Context, _ caller.Caller, userID string) (userapi.Account, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.people[userID]
	if !ok {
		return a, errs.Missing("user")
	}
	return a, nil
}

func (n *neighbours) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]caller.Person{}
	for id, a := range pick(n.people, ids) {
		out[id] = caller.Person{Name: a.Name, Email: a.Email, Lang: "de"}
	}
	return out, nil
}

func (n *neighbours) Notify(_ context.Context, list []notifyapi.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.noMail {
		return errors.New("no mail today")
	}
	n.said = append(n.said, list...)
	return nil
}

// world is a webhook service with what it needs.
type world struct {
	*Service
	*neighbours
	t   *testing.T
	cfg Config
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	return newWorldOn(t, sqldbtest.Open(t), newNeighbours(), change...)
}

func newNeighbours() *neighbours {
	n := &neighbours{ledgers: map[string][]ledger.Entry{}, orders: map[string]bookingapi.Booking{}, money: map[string]paymentapi.Payment{},
		refunds: map[string]map[int64]paymentapi.Refund{}, people: map[string]userapi.Account{}}
	for _, c := range []caller.Caller{ann, bob, fan, admin} {
		n.people[c.UserID] = userapi.Account{ID: c.UserID, Email: c.UserID[:3] + "@example.org", Name: "Somebody", Role: c.Role}
	}
	return n
}

func newWorldOn(t *testing.T, db *sqldb.DB, n *neighbours, change ...func(*Config)) *world {
	t.Helper()
	cfg := Config{DB: db, Bookings: n, Events: n, Payments: n, Accounts: n, Notices: n, Now: n.now, Log: slog.New(slog.DiscardHandler),
		PublicURL: "https://tickets.example", Local: true}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &world{s, n, t, cfg}
}

// runs runs the service until stop is called, or the test ends.
func (w *world) runs() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(stop)
	return stop
}

// append adds entries to a ledger; unless quiet, subscribers hear of them.
func (n *neighbours) append(eventID string, quiet bool, entries ...ledger.Entry) int64 {
	at := n.now().UnixMicro()
	n.mu.Lock()
	for i := range entries {
		e := &entries[i]
		e.EventID, e.Seq, e.At = eventID, int64(len(n.ledgers[eventID]))+1, at
		n.ledgers[eventID] = append(n.ledgers[eventID], *e)
	}
	seq, hears := int64(len(n.ledgers[eventID])), slices.Clone(n.hears)
	n.mu.Unlock()
	if !quiet {
		for _, hear := range hears {
			hear(entries)
		}
	}
	return seq
}

// sells books seats, and captures the money for them.
func (n *neighbours) sells(eventID string, number int) (bookingID string) {
	bookingID = fmt.Sprintf("%s%020d", eventID, number)
	n.mu.Lock()
	n.orders[bookingID] = bookingapi.Booking{ID: bookingID, EventID: eventID, PaymentID: bookingID + "-1", Status: bookingapi.Booked}
	n.money[bookingID] = paymentapi.Payment{ID: bookingID + "-1", BookingID: bookingID, Amount: 9000, Currency: "EUR", Status: paymentapi.Captured,
		History: []paymentapi.Step{{Status: paymentapi.Captured, At: time.Now()}}}
	n.mu.Unlock()
	n.append(eventID, false, ledger.Entry{Kind: ledger.Held, BookingID: bookingID, Seats: []int32{1, 2}, Amount: 9000, Currency: "EUR"},
		ledger.Entry{Kind: ledger.Booked, BookingID: bookingID, Seats: []int32{1, 2}, Amount: 9000, Currency: "EUR"})
	return bookingID
}

// creates makes an endpoint.
func (w *world) creates(c caller.Caller, url string, types ...webhookapi.Type) (webhookapi.Endpoint, string) {
	w.t.Helper()
	e, secret, err := w.Create(w.t.Context(), c, webhookapi.New{URL: url, Types: types})
	if err != nil {
		w.t.Fatal(err)
	}
	return e, secret.Value
}

// until waits until something is so.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	patience.Until(w.t, what, is)
}

// log is an endpoint's deliveries, oldest first.
func (w *world) log(c caller.Caller, id string) []webhookapi.Delivery {
	w.t.Helper()
	list, _, err := w.Deliveries(w.t.Context(), c, id, "", 200)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// last waits for a delivery of an endpoint that has been tried so often.
func (w *world) last(c caller.Caller, id string, tries int) (d webhookapi.Delivery) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d attempts", tries), func() bool {
		list := w.log(c, id)
		if len(list) == 0 {
			return false
		}
		d = list[len(list)-1]
		return d.Tries >= tries
	})
	d, err := w.Delivery(w.t.Context(), c, id, d.MessageID)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// got is a message as a receiver has verified it.
type got struct {
	id, kind string
	data     map[string]any
	raw      []byte
	header   http.Header
}

// receiver takes messages, and verifies them with the library of Standard Webhooks.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	answer func(w http.ResponseWriter, r *http.Request) // nil: 204

	mu     sync.Mutex
	secret string
	list   []got
	asked  atomic.Int64
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{t: t, answer: answer}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.asked.Add(1)
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	if r.secret != "" {
		hook, err := standardwebhooks.NewWebhook(r.secret)
		if err == nil {
			err = hook.VerifyIgnoringTimestamp(raw, req.Header) // clocks of these tests run ahead
		}
		if err != nil {
			r.t.Errorf("a message that is not genuine: %v", err)
		}
	}
	var body struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
	if err := codec.ReadKnown(raw, &body); err != nil {
		r.t.Errorf("%s: %v", raw, err)
	}
	r.list = append(r.list, got{req.Header.Get("webhook-id"), body.Type, body.Data, raw, req.Header.Clone()})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) trust(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret
}

func (r *receiver) messages() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// kinds are the types of what a receiver has, each with how often.
func (r *receiver) kinds() map[string]int {
	out := map[string]int{}
	for _, m := range r.messages() {
		out[m.kind]++
	}
	return out
}
