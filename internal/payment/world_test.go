package payment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// house is a booking service in memory, with its ledger. It survives the
// crashes of the payment service that the tests stage.
type house struct {
	mu        sync.Mutex
	bookings  map[string]*bookingapi.Booking
	ledger    map[string][]ledger.Entry
	followers []func([]ledger.Entry)
	listeners []ledger.Listener // to other nodes
	blind     bool              // the heads of ledgers are not seen
	extended  map[string]int
	confirms  int
	others    bool                          // Alternatives of the last confirmation
	started   int64                         // StartedAt of the last confirmation
	broken    map[string]error              // ledgers that cannot be read, by event
	memory    map[string]bookingapi.Booking // what Remembered answers
	reads     int                           // of Booking
	readErr   func() error                  // what Booking fails with; nil: it does not

	status eventapi.Status                            // of the event
	waives bool                                       // nobody needs a verified address
	refuse error                                      // what Confirm answers instead
	adopt  func(address caller.EmailKey) error        // what Adopt answers
	late   func(step string) time.Duration            // > 0: an error now, and carried out after that
	cut    func(ctx context.Context, at string) error // before and after each call that changes something
}

func newHouse() *house {
	return &house{bookings: map[string]*bookingapi.Booking{}, ledger: map[string][]ledger.Entry{}, extended: map[string]int{},
		cut: func(context.Context, string) error { return nil }}
}

const event1 = "0000000000000001"

var fan = caller.Caller{UserID: "fan0000000000001", Role: caller.Customer, Verified: true}

// hold makes a pending booking of 5000 minor units a seat.
func (h *house) hold(user string, seats ...int32) bookingapi.Booking {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := bookingapi.Booking{ID: id.Booking(event1, user, ""), EventID: event1, UserID: user, OrganizerID: "organizer0000001",
		Status: bookingapi.Pending, Seats: seats, Amount: 5000 * int64(len(seats)), Currency: "USD"}
	h.bookings[b.ID] = &b
	h.append(ledger.Entry{Kind: ledger.Held, BookingID: b.ID, Seats: seats, Amount: b.Amount, Currency: "USD"})
	return b
}

// fail lets the next n calls that come to this point fail.
func (h *house) fail(point string, n int, err error) {
	h.cut = func(_ context.Context, at string) error {
		if at != point || n == 0 {
			return nil
		}
		n--
		return err
	}
}

func (h *house) append(e ledger.Entry) {
	e.EventID, e.Seq = event1, int64(len(h.ledger[event1]))+1
	h.ledger[event1] = append(h.ledger[event1], e)
	for _, f := range h.followers {
		f([]ledger.Entry{e})
	}
}

func (h *house) set(bookingID string, st bookingapi.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bookings[bookingID].Status = st
}

// split sets what of a booking's amount is fees, and tax in them.
func (h *house) split(bookingID string, fees, tax int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bookings[bookingID].Fees, h.bookings[bookingID].Tax = fees, tax
}

// give makes a booking another account's.
func (h *house) give(bookingID, userID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bookings[bookingID].UserID = userID
}

// cancel gives back a booked booking, or so many minor units' worth of it.
func (h *house) cancel(bookingID string, amount int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.bookings[bookingID]
	b.Amount -= amount
	if b.Amount == 0 {
		b.Status = bookingapi.Cancelled
	}
	b.Seq = int64(len(h.ledger[event1])) + 1
	h.append(ledger.Entry{Kind: ledger.Cancelled, BookingID: bookingID, Amount: amount, Currency: "USD"})
}

func (h *house) Recent(_ context.Context, bookingID string) (bookingapi.Booking, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	if h.readErr != nil {
		if err := h.readErr(); err != nil {
			return bookingapi.Booking{}, err
		}
	}
	b := h.bookings[bookingID]
	if b == nil {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	now := *b
	now.ReadAt = readAt
	return now, nil
}

func (h *house) Remembered(bookingID string) (bookingapi.Booking, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.memory[bookingID]
	b.ReadAt = readAt
	return b, ok
}

// readAt is the booking service's clock.
const readAt = 123_456_789

func (h *house) Cancel(ctx context.Context, _ caller.Caller, c bookingapi.Cancellation) (bookingapi.Booking, error) {
	if err := h.cut(ctx, "before cancel"); err != nil {
		return bookingapi.Booking{}, err
	}
	h.mu.Lock()
	b := *h.bookings[c.BookingID]
	h.mu.Unlock()
	if c.Version != 0 && c.Version != b.Seq {
		return b, errs.New(errs.Precondition, "changed-meanwhile", "Another version.")
	}
	if b.Status == bookingapi.Booked {
		h.cancel(c.BookingID, b.Amount)
	}
	return b, nil
}

func (h *house) OfUser(_ context.Context, userID, from string, limit int) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id, b := range h.bookings {
		if b.UserID == userID && id >= from {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], nil
}

func (h *house) Sales(context.Context, []string) (map[string]bookingapi.Sale, error) {
	return map[string]bookingapi.Sale{event1: {Status: h.status, OrganizerID: organizer.UserID, UnverifiedBuyers: h.waives, Currency: "USD"}}, nil
}

func (h *house) Figures(context.Context, string) (f bookingapi.Figures, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bookings {
		if b.Status == bookingapi.Booked {
			f.Bookings++
			f.Amount += b.Amount
		}
	}
	return f, nil
}

func (h *house) Confirm(ctx context.Context, c bookingapi.Confirm) (bookingapi.Booking, error) {
	if err := h.cut(ctx, "before confirm"); err != nil {
		return bookingapi.Booking{}, err
	}
	if h.late != nil {
		if d := h.late("confirm"); d > 0 {
			time.AfterFunc(d, func() { _, _ = h.confirm(c) })
			return bookingapi.Booking{}, errors.New("no answer")
		}
	}
	b, err := h.confirm(c)
	if cut := h.cut(ctx, "after confirm"); cut != nil {
		return bookingapi.Booking{}, cut
	}
	return b, err
}

func (h *house) confirm(c bookingapi.Confirm) (bookingapi.Booking, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.confirms++
	h.started, h.others = c.StartedAt, c.Alternatives
	b := h.bookings[c.BookingID]
	switch {
	case b == nil:
		return bookingapi.Booking{}, errs.Missing("booking")
	case b.Status == bookingapi.Booked && b.PaymentID == c.PaymentID:
		return *b, nil
	case b.Status == bookingapi.Booked:
		return bookingapi.Booking{}, errs.New(errs.Conflict, "already-booked", "Paid already.")
	case b.Status == bookingapi.Cancelled:
		return bookingapi.Booking{}, errs.New(errs.Conflict, "booking-cancelled", "Cancelled.")
	case h.refuse != nil:
		return bookingapi.Booking{}, h.refuse
	case c.Amount != b.Amount || c.Currency != b.Currency:
		return bookingapi.Booking{}, errs.New(errs.Conflict, "amount-differs", "Not that much.")
	}
	b.Status, b.PaymentID, b.Seq = bookingapi.Booked, c.PaymentID, int64(len(h.ledger[event1]))+1
	h.append(ledger.Entry{Kind: ledger.Booked, BookingID: b.ID})
	return *b, nil
}

func (h *house) Adopt(_ context.Context, _, _ string, address caller.EmailKey) error {
	return h.adopt(address)
}

func (h *house) Extend(_ context.Context, bookingID string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.extended[bookingID]++
	return nil
}

func (h *house) CancelUnpaid(ctx context.Context, bookingID, paymentID string) error {
	if err := h.cut(ctx, "before take back"); err != nil {
		return err
	}
	if h.late != nil {
		if d := h.late("take back"); d > 0 {
			time.AfterFunc(d, func() { _ = h.takeBack(bookingID, paymentID) })
			return errors.New("no answer")
		}
	}
	err := h.takeBack(bookingID, paymentID)
	if cut := h.cut(ctx, "after take back"); cut != nil {
		return cut
	}
	return err
}

func (h *house) takeBack(bookingID, paymentID string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.bookings[bookingID]
	switch {
	case b.Status == bookingapi.Booked && b.PaymentID == paymentID:
		b.Status = bookingapi.Cancelled
		h.append(ledger.Entry{Kind: ledger.Cancelled, BookingID: b.ID})
	case b.Status == bookingapi.Pending || b.Status == bookingapi.Expired:
		b.Status = bookingapi.Cancelled
		h.append(ledger.Entry{Kind: ledger.Released, BookingID: b.ID})
	case b.PaymentID != paymentID:
		return errs.New(errs.Conflict, "not-booked", "Not by this payment.")
	}
	return nil
}

func (h *house) Entries(_ context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.broken[eventID]; err != nil {
		return nil, err
	}
	l := h.ledger[eventID][after:]
	return append([]ledger.Entry(nil), l[:min(limit, len(l))]...), nil
}

func (h *house) Heads(context.Context, []string) (map[string]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	heads := map[string]int64{}
	if h.blind {
		return heads, nil
	}
	for e, l := range h.ledger {
		heads[e] = int64(len(l))
	}
	return heads, nil
}

func (h *house) Subscribe(f func([]ledger.Entry)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers = append(h.followers, f)
}

func (h *house) Overhear(_ context.Context, l ledger.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners = append(h.listeners, l)
}

func (h *house) Overhears() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.blind
}

// elsewhere lets another node commit what a function commits, so that the world hears of
// it over the bus only.
func (h *house) elsewhere(commit func()) {
	h.mu.Lock()
	here, from := h.followers, len(h.ledger[event1])
	h.followers = nil
	h.mu.Unlock()
	commit()
	h.mu.Lock()
	h.followers = here
	run, listeners := slices.Clone(h.ledger[event1][from:]), slices.Clone(h.listeners)
	h.mu.Unlock()
	for _, l := range listeners {
		if l.Listens() && l.Wants(event1, run[len(run)-1].Seq) {
			l.Hear(run)
		}
	}
}

// world is a payment service with its surroundings.
type world struct {
	t     testing.TB
	db    *sqldb.DB
	house *house
	bank  *bank
	setUp func(*Config) // changes how a service is started; nil: nothing
	*Service
	stop context.CancelFunc
	ran  chan struct{}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, sqldbtest.Open(t))
}

// newWorldOn is a world on a database, which it closes in the end.
func newWorldOn(t testing.TB, db *sqldb.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, house: newHouse(), bank: newBank(time.Now)}
	w.boot()
	t.Cleanup(func() {
		w.shutDown()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// boot starts a service over what is there.
func (w *world) boot() {
	w.t.Helper()
	cfg := Config{DB: w.db, Bookings: w.house, Gateway: w.bank, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if w.setUp != nil {
		w.setUp(&cfg)
	}
	s, err := New(context.Background(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service = s
}

// runs starts the background work.
func (w *world) runs() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.ran = cancel, make(chan struct{})
	go func() {
		_ = w.Run(ctx)
		close(w.ran)
	}()
}

func (w *world) shutDown() {
	if w.Service == nil {
		return
	}
	w.halt()
	if err := w.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
	w.Service = nil
}

func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		<-w.ran
		w.stop = nil
	}
}

// crash ends the service without any of the care that Close takes.
func (w *world) crash() {
	w.halt()
	w.end()
	_ = w.settle(context.Background())
	w.refunds.mu.Lock()
	w.refunds.idle = true // it hears nothing any more
	w.refunds.mu.Unlock()
	if err := w.store.close(); err != nil {
		w.t.Error(err)
	}
	w.Service = nil
}

func (w *world) pay(b bookingapi.Booking, method, key string) (record, error) {
	return w.Service.pay(w.t.Context(), caller.Caller{UserID: b.UserID, Role: caller.Customer, Verified: true}, ask(b.ID, method, key, nil))
}

// ask is a request to pay.
func ask(bookingID, method, key string, amount *int64) request {
	return request{PayRequest: paymentapi.PayRequest{BookingID: bookingID, Method: method, Amount: amount}, Key: key}
}

func (w *world) ledgerRows() []Row {
	w.t.Helper()
	var rows []Row
	if err := Ledger(context.Background(), w.db.Reader(), "", func(r Row) error { rows = append(rows, r); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// agree checks that money and seats agree: the payments with the bookings, the bank with
// the payments, and what is told with what went back.
func (w *world) agree() {
	w.t.Helper()
	w.explained()
	w.house.mu.Lock()
	defer w.house.mu.Unlock()
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	for _, wrong := range w.bank.wrong {
		w.t.Error("bank:", wrong)
	}
	kept := map[string]int64{} // by booking
	rows := w.ledgerRows()
	w.told(rows)
	if wrong, err := Journal(context.Background(), w.db.Reader(), event1); wrong != "" || err != nil {
		w.t.Error(wrong, err)
	}
	for _, r := range rows {
		if !r.Status.Final() {
			w.t.Errorf("payment %s is still %s", r.ID, r.Status)
		}
		var taken, refunded, withdrawn int64
		for try := int64(1); ; try++ {
			a := w.bank.charges[fmt.Sprintf("%s.%d", r.ID, try)]
			if a == nil {
				break
			}
			if a.standing == provider.Taken {
				taken += a.amount
				refunded += a.refunded
				withdrawn += a.disputed()
			}
			if a.captures > 1 {
				w.t.Errorf("payment %s was captured %d times", r.ID, a.captures)
			}
			if a.standing == provider.Reserved && !w.bank.noTake {
				w.t.Errorf("payment %s is %s and its money is still reserved", r.ID, r.Status)
			}
		}
		var want int64
		if r.Status == paymentapi.Captured || r.Status == paymentapi.Refunded {
			want = r.Amount + r.Excess
		}
		back := r.Refunded + r.ExcessBack
		if r.GivenUp && r.Status == paymentapi.Refunded {
			back = r.Amount + r.Excess
		}
		if taken != want || refunded != back {
			w.t.Errorf("payment %s %s says %d taken, %d back; the bank says %d and %d", r.ID, r.Status, want, back, taken, refunded)
		}
		kept[r.BookingID] += taken - refunded - withdrawn
		if r.Took() {
			kept[r.BookingID] -= r.Excess - r.ExcessBack
		}
		if withdrawn != r.Disputed {
			w.t.Errorf("payment %s says that %d is disputed; the bank says %d", r.ID, r.Disputed, withdrawn)
		}
	}
	for _, b := range w.house.bookings {
		want := int64(0)
		if b.Status == bookingapi.Booked {
			want = b.Amount
		}
		if kept[b.ID] != want {
			w.t.Errorf("booking %s is %s: %d kept, want %d", b.ID, b.Status, kept[b.ID], want)
		}
	}
}
