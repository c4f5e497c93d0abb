package booking

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
)

// liar is a store whose reads are wrong in one way, as a decision would see them if the
// lock, the isolation or the surrounding code were broken.
type liar struct {
	store
	lie func(storeTx) storeTx
}

func (l liar) batch(ctx context.Context, fn func(storeTx) error) error {
	return l.store.batch(ctx, func(tx storeTx) error { return fn(l.lie(tx)) })
}

// blind sees no claims: every seat looks free.
type blind struct{ storeTx }

func (blind) claims(context.Context, string, []int32) (map[int32]claim, error) {
	return map[int32]claim{}, nil
}

// mistaken thinks that all claims expired long ago and belong to one booking.
type mistaken struct {
	storeTx
	owner string
}

func (m mistaken) claims(_ context.Context, _ string, seats []int32) (map[int32]claim, error) {
	out := map[int32]claim{}
	for _, s := range seats {
		out[s] = claim{m.owner, 1}
	}
	return out, nil
}

// stale sees head rows one version back.
type stale struct{ storeTx }

func (s stale) heads(ctx context.Context, states []*state, h hints) error {
	err := s.storeTx.heads(ctx, states, h)
	for _, st := range states {
		st.seq--
	}
	return err
}

// outdated sees bookings as they were one change ago.
type outdated struct{ storeTx }

func (o outdated) bookings(ctx context.Context, ids []string) ([]*record, error) {
	list, err := o.storeTx.bookings(ctx, ids)
	for _, r := range list {
		r.Seq--
	}
	return list, err
}

// Every write is conditional: no decision that is based on wrong reads is committed, and
// the tables stay as they are.
func TestGuards(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1", "A-A-2")
	sold, err := w.pay(w.hold(ev, "bob", "A-B-1"))
	if err != nil {
		t.Fatal(err)
	}
	cid := w.hold(ev, "cid", "B-A-1")
	hold := looked(command{do: doHold, eventID: ev, bookingID: ev + "aaaaaaaaaaaaaaaaaaaa", caller: fan("dan"), seats: []int32{0}, fingerprint: []byte("x")})
	confirm := looked(command{do: doConfirm, eventID: ev, bookingID: a.ID, payment: "p", amount: a.Amount, currency: "EUR"})
	cancel := looked(command{do: doCancel, eventID: ev, bookingID: sold.ID})
	onSold := hold
	onSold.seats = sold.Seats
	for _, c := range []struct {
		name string
		cmd  command
		lie  func(storeTx) storeTx
	}{
		{"a seat that is held looks free", hold, func(tx storeTx) storeTx { return blind{tx} }},
		{"a seat that is sold looks free", onSold, func(tx storeTx) storeTx { return blind{tx} }},
		{"a sold seat looks like another's expired hold", onSold, func(tx storeTx) storeTx { return mistaken{longOver{tx, cid.ID}, cid.ID} }},
		{"the head is older than the row", confirm, func(tx storeTx) storeTx { return stale{tx} }},
		{"a booking is older than the row", confirm, func(tx storeTx) storeTx { return outdated{tx} }},
		{"a booking to cancel is older than the row", cancel, func(tx storeTx) storeTx { return outdated{tx} }},
		{"a booking is said to have another's seats", cancel, func(tx storeTx) storeTx { return swapped{tx, sold.ID, a.Seats} }},
		{"a booking to confirm is said to have another's seats", confirm, func(tx storeTx) storeTx { return swapped{tx, a.ID, sold.Seats} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			real := w.s.writers[0]
			bent := *real
			bent.store = liar{real.store, c.lie}
			bent.recent = newRecent() // so that it reads
			_, err := bent.settle(ctx, &load{items: []*item{{Value: &job{cmd: c.cmd}}}})
			if !errors.Is(err, errGuard) {
				t.Fatalf("error is %v, want a guard's", err)
			}
			w.verify(ev)
		})
	}
}

// Bookings are confirmed from the cache if it is right. If the cache is wrong, the answer
// and the tables are the same as without a cache.
func TestMemoryIsChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(w *world, b bookingapi.Booking, r *record) // makes the memory wrong, or the row another
		want  string                                          // the refusal; "" for none
		reads int                                             // of bookings
	}{
		{"it is right", func(*world, bookingapi.Booking, *record) {}, "", 0},
		{"it is older than the row", func(_ *world, _ bookingapi.Booking, r *record) { r.Seq-- }, "", 1},
		{"it says another amount", func(_ *world, _ bookingapi.Booking, r *record) { r.Amount++ }, "", 1},
		{"it says cancelled", func(_ *world, _ bookingapi.Booking, r *record) { r.Status = bookingapi.Cancelled }, "", 1},
		{"it says booked", func(_ *world, b bookingapi.Booking, r *record) { r.Status, r.PaymentID = bookingapi.Booked, b.ID+"-1" }, "", 1},
		{"it says booked by another payment", func(_ *world, _ bookingapi.Booking, r *record) { r.Status, r.PaymentID = bookingapi.Booked, "x" }, "", 1},
		{"the row is cancelled", func(w *world, b bookingapi.Booking, _ *record) { w.cancel(b) }, "booking-cancelled", 1},
		{"the row is booked", func(w *world, b bookingapi.Booking, _ *record) {
			if _, err := w.pay(b); err != nil {
				w.t.Fatal(err)
			}
		}, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ev := w.event()
			b := w.hold(ev, "ann", "A-A-1", "A-A-2")
			remembered := *w.s.recent.get(b.ID)
			c.wrong(w, b, &remembered)
			bent := *w.s.writers[0]
			bent.recent = &recent{m: memory{records: map[string]*record{b.ID: &remembered}}}
			reads := 0
			bent.store = liar{bent.store, func(tx storeTx) storeTx { return counting{tx, &reads} }}
			it := &item{Value: &job{cmd: looked(command{do: doConfirm, eventID: ev, bookingID: b.ID, payment: b.ID + "-1", amount: b.Amount, currency: "EUR"})}}
			answers, err := bent.settle(t.Context(), &load{items: []*item{it}})
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				wantType(t, answers[0].err, c.want)
			} else if got := it.Value.booking; answers[0].err != nil || got.Status != bookingapi.Booked || got.PaymentID != b.ID+"-1" || got.Amount != b.Amount {
				t.Errorf("%v %+v", answers[0].err, got)
			}
			if reads != c.reads {
				t.Errorf("bookings were read %d times, not %d", reads, c.reads)
			}
			w.verify(ev)
		})
	}
}

// Seats that are free in an exact view are taken without reading their claims. Even if
// the view is wrong, nothing is sold twice.
func TestViewIsChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(v *view, seat int32)
		taken bool // the seat, in truth
		reads int  // of claims
	}{
		{"it is right", func(*view, int32) {}, false, 0},
		{"it is right, and the seat is taken", func(*view, int32) {}, true, 1},
		{"it is behind", func(v *view, seat int32) { v.seq--; v.put(seat, claim{}) }, true, 1},
		{"it has a taken seat free", func(v *view, seat int32) { v.put(seat, claim{}) }, true, 1},
		{"it has a free seat taken", func(v *view, seat int32) { v.put(seat, claim{"somebody", 0}) }, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ev := w.event()
			if _, err := bookingapi.One(t.Context(), w.s.Counts, "event", ev); err != nil {
				t.Fatal(err)
			}
			if c.taken {
				w.hold(ev, "ann", "A-A-1")
			}
			c.wrong(w.s.views.peek(ev), 0)
			bent := *w.s.writers[0]
			reads := 0
			bent.store = liar{bent.store, func(tx storeTx) storeTx { return countingClaims{tx, &reads} }}
			it := &item{Value: &job{cmd: looked(command{do: doHold, eventID: ev, bookingID: ev + "aaaaaaaaaaaaaaaaaaaa", caller: fan("bob"), seats: []int32{0}})}}
			answers, err := bent.settle(t.Context(), &load{items: []*item{it}})
			if err != nil {
				t.Fatal(err)
			}
			if c.taken {
				wantType(t, answers[0].err, "seats-taken")
			} else if answers[0].err != nil {
				t.Error(answers[0].err)
			}
			if reads != c.reads {
				t.Errorf("claims were read %d times, not %d", reads, c.reads)
			}
			w.verify(ev)
		})
	}
}

// countingClaims counts the reads of claims.
type countingClaims struct {
	storeTx
	reads *int
}

func (c countingClaims) claims(ctx context.Context, eventID string, seats []int32) (map[int32]claim, error) {
	*c.reads++
	return c.storeTx.claims(ctx, eventID, seats)
}

func (w *world) cancel(b bookingapi.Booking) {
	w.t.Helper()
	if _, err := w.s.Cancel(context.Background(), fan(b.UserID), bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		w.t.Fatal(err)
	}
}

// counting counts the reads of bookings.
type counting struct {
	storeTx
	reads *int
}

func (c counting) bookings(ctx context.Context, ids []string) ([]*record, error) {
	*c.reads++
	return c.storeTx.bookings(ctx, ids)
}

// longOver claims that one booking's hold ended long ago.
type longOver struct {
	storeTx
	booking string
}

func (l longOver) bookings(ctx context.Context, ids []string) ([]*record, error) {
	list, err := l.storeTx.bookings(ctx, ids)
	for _, r := range list {
		if r.ID == l.booking {
			r.ExpiresAt = 1
			r.Seats = nil
		}
	}
	return list, err
}

// swapped claims that one booking has other seats than it has.
type swapped struct {
	storeTx
	booking string
	seats   []int32
}

func (s swapped) bookings(ctx context.Context, ids []string) ([]*record, error) {
	list, err := s.storeTx.bookings(ctx, ids)
	for _, r := range list {
		if r.ID == s.booking {
			r.Seats = s.seats
		}
	}
	return list, err
}

// Setting the clock back does not set the ledger's time back.
func TestTimeNeverGoesBack(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1")
	w.pass(-60 * minute)
	b := w.hold(ev, "bob", "A-A-2")
	if b.CreatedAt < a.CreatedAt {
		t.Fatalf("held at %d, after a hold at %d", b.CreatedAt, a.CreatedAt)
	}
	w.verify(ev)
}

// Verify finds every kind of tampering.
func TestVerifyFindsTampering(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	if _, err := w.pay(w.hold(ev, "bob", "A-A-2", "A-A-3")); err != nil {
		t.Fatal(err)
	}
	w.verify(ev)
	for _, text := range []string{
		`DELETE FROM claims WHERE seat = 1`,
		`UPDATE claims SET seat = 9 WHERE seat = 1`,
		`UPDATE claims SET expires_at = 5 WHERE seat = 1`,
		`UPDATE claims SET booking_id = 'x' WHERE seat = 1`,
		`INSERT INTO claims (event_id, seat, booking_id, expires_at) SELECT event_id, 12, booking_id, NULL FROM claims WHERE seat = 1`,
		`UPDATE bookings SET status = 'cancelled' WHERE status = 'booked'`,
		`UPDATE bookings SET amount = 1 WHERE status = 'booked'`,
		`UPDATE bookings SET seats = '[1]' WHERE status = 'booked'`,
		`UPDATE bookings SET payment_id = NULL WHERE status = 'booked'`,
		`UPDATE bookings SET expires_at = expires_at + 1 WHERE status = 'pending'`,
		`DELETE FROM bookings WHERE status = 'pending'`,
		`UPDATE sales SET seq = seq + 1`,
		`UPDATE sales SET hash = hash || '\x00'`,
		`UPDATE sales SET status = 'published'`,
		`UPDATE sales SET limit_per_customer = 5`,
		`DELETE FROM sales`,
		`UPDATE ledger SET amount = 1 WHERE kind = 'booked'`,
		`UPDATE ledger SET at = at + 1 WHERE seq = 2`,
		`UPDATE ledger SET seats = '[7]' WHERE seq = 2`,
		`UPDATE ledger SET kind = 'extended' WHERE seq = 2`,
		`UPDATE ledger SET hash = '\x00' WHERE seq = 3`,
		`DELETE FROM ledger WHERE seq = 2`,
		`DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)`,
	} {
		t.Run(text, func(t *testing.T) {
			undo := errors.New("undo")
			err := w.db.Write(ctx, func(tx *sql.Tx) error {
				if res, err := tx.Exec(text); err != nil {
					return err
				} else if n, _ := res.RowsAffected(); n == 0 {
					t.Error("the tampering changes nothing")
				}
				var diff bookingapi.Difference
				if err := audit.VerifyTx(t.Context(), tx, ev, audit.Beside{Plans: w}); !errors.As(err, &diff) {
					t.Errorf("not found: %v", err)
				}
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
		})
	}
}
