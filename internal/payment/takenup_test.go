package payment

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

// takenUp is a payment over an amount that was only remembered, 4000 for a booking
// that costs 5000. Its first node stops before the first confirmation, as if it slept,
// and another one drives the payment, too.
type takenUp struct {
	*world
	t     *testing.T
	other *Service
	hold  bookingapi.Booking
	paid  chan error // the answer of the first node

	stopped [5]chan struct{} // closed before a confirmation, by one of the constants below
	goOn    [5]chan struct{} // and what it waits for
}

// The confirmations of the two nodes.
const (
	first = iota + 1
	others
	firstAgain
	othersAgain
)

// otherHouse is the booking service as the other node calls it.
type otherHouse struct{ *house }

type byOther struct{}

func (h otherHouse) Confirm(ctx context.Context, c bookingapi.Confirm) (bookingapi.Booking, error) {
	return h.house.Confirm(context.WithValue(ctx, byOther{}, true), c)
}

func newTakenUp(t *testing.T) *takenUp {
	w := &takenUp{world: newWorld(t), t: t, paid: make(chan error, 1)}
	w.Service.patience *= 100
	other, err := New(context.Background(), Config{DB: w.db, Bookings: otherHouse{w.house}, Gateway: w.bank, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	w.other, other.stale = other, 0
	for i := range w.stopped {
		w.stopped[i], w.goOn[i] = make(chan struct{}), make(chan struct{})
	}
	var mine, theirs atomic.Int32
	w.house.cut = func(ctx context.Context, at string) error {
		if at != "before confirm" {
			return nil
		}
		var i int32
		if ctx.Value(byOther{}) != nil {
			i = 2 * theirs.Add(1)
		} else {
			i = 2*mine.Add(1) - 1
		}
		if int(i) < len(w.stopped) {
			close(w.stopped[i])
			<-w.goOn[i]
		}
		return nil
	}
	w.hold = w.house.hold(fan.UserID, 1)
	w.remember(w.hold, func(b *bookingapi.Booking) { b.Amount = 4000 })
	go func() { _, err := w.pay(w.hold, "tok_sure", ""); w.paid <- err }()
	<-w.stopped[first]
	return w
}

// over checks that, once both nodes are done and recovery has looked after what they
// gave up, the money taken is what the booking costs, or nothing if nothing is booked.
func (w *takenUp) over(want int64) {
	w.t.Helper()
	if _, err := w.other.Recover(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	if err := w.other.settle(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	w.agree()
	var taken int64
	for _, a := range w.bank.charges {
		if a.standing == provider.Taken {
			taken += a.amount
		}
	}
	if taken != want {
		w.t.Errorf("%d are taken, not %d", taken, want)
	}
}

// A payment that another node has taken up over the remembered amount does not come to
// another one any more: that node may ask for the booking over it, and gets it if the
// buyer has changed the booking back.
func TestTakenUpBeforeItCameToAnotherAmount(t *testing.T) {
	for _, c := range []struct {
		name  string
		back  int // before which confirmation to go on the buyer changes the booking back
		order [2]int
		told  bool // that it did not come about
		taken int64
	}{
		{name: "never changed back, other first", order: [2]int{others, firstAgain}, told: true},
		{name: "never changed back, first node first", order: [2]int{firstAgain, others}, told: true},
		{name: "changed back before the other confirms", back: others, order: [2]int{others, firstAgain}, taken: 4000},
		{name: "changed back before the first node confirms", back: firstAgain, order: [2]int{firstAgain, others}, taken: 4000},
		{name: "changed back after the other was refused", back: firstAgain, order: [2]int{others, firstAgain}, told: true},
		{name: "changed back after the first node was refused", back: others, order: [2]int{firstAgain, others}, told: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTakenUp(t)
			w.recovered()
			close(w.goOn[first]) // refused over 4000; reads 5000, and may not come to that
			<-w.stopped[firstAgain]
			close(w.goOn[othersAgain])
			var answer error
			for _, n := range c.order {
				if n == c.back {
					w.house.cost(w.hold.ID, 4000)
				}
				close(w.goOn[n])
				if n == firstAgain {
					answer = <-w.paid
				} else if err := w.other.settle(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if told := answer != nil; told != c.told {
				t.Error(answer)
			}
			w.over(c.taken)
		})
	}
}

// A node that has read a payment before it came to another amount, and takes it up
// afterwards, goes on with that amount.
func TestTakenUpAfterItCameToAnotherAmount(t *testing.T) {
	for _, c := range []struct {
		name  string
		costs int64
	}{{"confirmed", 5000}, {"changed back", 4000}} {
		t.Run(c.name, func(t *testing.T) {
			w := newTakenUp(t)
			p, err := w.other.store.ofBooking(t.Context(), w.hold.ID)
			if err != nil || p.Amount != 4000 || p.Status != paymentapi.Authorized {
				t.Fatal(p, err)
			}
			close(w.goOn[first])
			<-w.stopped[firstAgain] // over 5000
			w.other.start(p, evResume, nil)
			<-w.stopped[others]
			w.house.cost(w.hold.ID, c.costs)
			close(w.goOn[othersAgain])
			close(w.goOn[others])
			if err := w.other.settle(t.Context()); err != nil {
				t.Error(err)
			}
			close(w.goOn[firstAgain])
			taken := c.costs
			if taken != 5000 {
				taken = 0
			}
			if err := <-w.paid; (err != nil) != (taken == 0) {
				t.Error(err)
			}
			w.over(taken)
		})
	}
}

// Whatever makes the first node read the row again before it has written the other
// amount, it does not write it into the version of a node that has taken the payment up.
func TestTakenUpBeforeTheOtherAmountIsWritten(t *testing.T) {
	fails := func(w *takenUp) (takeUp func()) { // the write does, and is tried again
		w.refuseAmounts()
		return func() {
			w.recovered()
			w.allowAmounts()
		}
	}
	poked := func(w *takenUp) (takeUp func()) { // by its own recovery
		p, err := w.store.ofBooking(w.t.Context(), w.hold.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		w.recovered()
		w.Service.start(p, evResume, nil)
		return func() {}
	}
	for name, prepare := range map[string]func(*takenUp) func(){"the write fails": fails, "poked": poked} {
		for _, leads := range []int{others, firstAgain} { // the other node's confirmation, or the first node's
			t.Run(fmt.Sprintf("%s, confirmation %d first", name, leads), func(t *testing.T) {
				w := newTakenUp(t)
				takeUp := prepare(w)
				close(w.goOn[first]) // refused over 4000; reads 5000
				takeUp()
				<-w.stopped[firstAgain]
				close(w.goOn[othersAgain])
				w.house.cost(w.hold.ID, 4000) // the buyer changes the booking back
				answered := false
				for _, n := range []int{leads, others + firstAgain - leads} {
					close(w.goOn[n])
					if n == others {
						if err := w.other.settle(t.Context()); err != nil {
							t.Error(err)
						}
					} else if err := <-w.paid; err != nil {
						t.Error(err)
					} else {
						answered = true
					}
				}
				if w.over(4000); !answered {
					t.Error("the buyer was told something else")
				}
			})
		}
	}
}

// recovered has the other node take the payment up, and waits for its confirmation.
func (w *takenUp) recovered() {
	w.t.Helper()
	if n, err := w.other.Recover(w.t.Context()); err != nil || n != 1 {
		w.t.Fatal(n, err)
	}
	<-w.stopped[others]
}

// refuseAmounts has the database refuse that a payment's amount changes, until
// allowAmounts.
func (w *takenUp) refuseAmounts() {
	if sqldbtest.OnPostgres(w.t) {
		w.exec(`CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.amount <> OLD.amount THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$`,
			`CREATE TRIGGER refused BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION refused()`)
		return
	}
	w.exec(`CREATE TRIGGER refused BEFORE UPDATE OF amount ON payments BEGIN SELECT RAISE(ABORT, 'refused'); END`)
}

func (w *takenUp) allowAmounts() {
	if sqldbtest.OnPostgres(w.t) {
		w.exec(`DROP TRIGGER refused ON payments`)
		return
	}
	w.exec(`DROP TRIGGER refused`)
}

func (w *takenUp) exec(texts ...string) {
	w.t.Helper()
	err := w.db.Write(context.Background(), func(tx *sql.Tx) error {
		for _, text := range texts {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A node that takes a payment up which has ended meanwhile leaves the row alone.
func TestTakenUpAfterItsEnd(t *testing.T) {
	w := newTakenUp(t)
	p, err := w.other.store.ofBooking(t.Context(), w.hold.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(w.goOn); i++ {
		close(w.goOn[i])
	}
	if err := <-w.paid; err != nil {
		t.Fatal(err)
	}
	was, err := w.store.payment(t.Context(), p.ID)
	if err != nil || was.Status != paymentapi.Captured {
		t.Fatal(was, err)
	}
	w.other.start(p, evResume, nil)
	w.over(5000)
	if is, err := w.store.payment(t.Context(), p.ID); err != nil || is != was {
		t.Errorf("%+v, was %+v, %v", is, was, err)
	}
}
