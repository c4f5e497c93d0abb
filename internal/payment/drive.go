package payment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// drive brings one payment to its end, in a goroutine of its own.
type drive struct {
	s     *Service
	batch *startedBatch // that it belongs to; nil when it was taken up
	poke  chan struct{} // its row was changed by somebody else
	done  chan struct{} // closed when the goroutine has ended

	// Only the goroutine uses these.
	pauses int  // since the row last moved
	cached bool // its amount is only remembered, and no confirmation was asked for yet
	claim  bool // the row must be written before anything is requested: see start
	told   bool // a person, that its money is not returned again

	rest time.Duration // until money that came back is returned again: see giveBackOne

	undone   int64 // methods, the earliest first, that hold no money any more
	returned event // says what was taken by one of them, and is returned; evBegin: nothing

	extended sync.Once // the hold, see extend

	mu      sync.Mutex
	p       record      // as it is stored; written by the goroutine
	refusal *errs.Error // why the booking could not be confirmed
	nudged  time.Time   // when the buyer last looked at it, and how often: see nudge
	nudges  int
}

// Limits of the pauses between two attempts.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second  // while a gateway decides
	longestOff  = 4 * time.Second  // while something does not answer
	longestUndo = 30 * time.Second // while the gateway does not return money
	longestRest = 2 * time.Minute  // until money that came back is returned again
	fewTries    = 5
	manyTries   = 20
	logEvery    = 30 // attempts to read a row
	stepTimeout = 30 * time.Second
)

// start continues a payment in a new driver, or pokes its current one. made is nil
// unless the payment is new.
//
// A driver that takes up an authorized payment first writes its row, changing only the
// version. The process that created the payment may change its amount only in the
// version that it inserted (see evCosts). So the amount for which any driver requests a
// confirmation is the one that the payment keeps.
func (s *Service) start(p record, first eventKind, made *insertion) *drive {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.drives[p.ID]; d != nil {
		select {
		case d.poke <- struct{}{}:
		default: // already poked
		}
		return d
	}
	d := &drive{s: s, p: p, poke: make(chan struct{}, 1), done: make(chan struct{})}
	if made != nil {
		d.batch, d.cached = made.batch, made.cached
	} else {
		d.claim = p.Status == paymentapi.Authorized
	}
	s.drives[p.ID] = d
	go func() {
		defer s.ended(d)
		_ = s.guarded(s.life, "drive of a payment", func() error { // recovery continues a payment whose driver has panicked
			d.run(s.life, event{kind: first, try: p.try})
			return nil
		})
	}()
	return d
}

func (s *Service) ended(d *drive) {
	s.mu.Lock()
	delete(s.drives, d.p.ID)
	if len(s.drives) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
	close(d.done)
	if d.p.Status.Final() {
		s.metrics.ended(d.p.Status)
		if d.batch != nil {
			s.store.ended(d.batch)
		}
	}
}

func (d *drive) snapshot() (record, *errs.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.p, d.refusal
}

func (d *drive) set(p record) {
	d.mu.Lock()
	d.p = p
	d.mu.Unlock()
}

// run alternates between deciding and acting until nothing is left to do, or its
// context ends; recovery then continues from the stored row.
func (d *drive) run(ctx context.Context, e event) {
	for {
		select {
		case <-d.poke:
			if !d.reload(ctx) {
				return
			}
		default:
		}
		acts, err := d.advance(ctx, e)
		if err != nil {
			if ctx.Err() == nil && d.s.isStuck(&d.p) {
				d.s.log.ErrorContext(ctx, "a payment needs a person to look at it", "payment", d.p.ID, "error", err)
				d.s.metrics.stuck.Inc()
			}
			return
		}
		if len(acts) == 0 {
			return
		}
		for _, a := range acts {
			err = d.s.guarded(ctx, "step of a payment", func() (err error) {
				point("before", a.String())
				e, err = d.perform(d.s.steps.Context(), a)
				point("after", a.String())
				return err
			})
		}
		if err != nil {
			if ctx.Err() == nil {
				d.s.log.WarnContext(ctx, "a payment's step is unclear and is tried again",
					"payment", d.p.ID, "step", acts[len(acts)-1].String(), "error", err)
			}
			e = d.after(acts[len(acts)-1])
			if d.p.Status == paymentapi.Pending && d.s.micros()-d.p.CreatedAt > d.s.patience.Microseconds() {
				d.extend(ctx, d.p.BookingID)
			}
			if d.overdue() {
				e = event{kind: evWished, reason: timedOut}
				continue
			}
			version := d.p.Version
			if !d.pause(ctx, d.longest()) {
				return
			}
			if d.p.Version != version {
				e = event{kind: evResume}
			}
		}
	}
}

// after returns the event with which a payment goes on after an unclear step, if nothing
// has happened to it in the meantime. A step whose answer was lost once is repeated with
// its key, which gets the same answer and saves the buyer a question to the gateway. What
// stays unclear is asked about.
func (d *drive) after(a action) event {
	switch {
	case d.pauses > 0:
	case a == toAuthorize:
		return event{kind: evUnknown, try: d.p.try}
	case a == toCapture:
		return event{kind: evBooked}
	}
	return event{kind: evResume}
}

// advance passes an event to the state machine and stores the new state. If another
// driver has changed the row in the meantime, the event is applied to the new row,
// because it has happened nevertheless. The exception is evCosts, which applies to the
// row as it was inserted only: another driver may have requested a confirmation for the
// amount of a later version, see start.
func (d *drive) advance(ctx context.Context, e event) ([]action, error) {
	for {
		if e.kind == evCosts && d.p.Version != firstVersion {
			e = event{kind: evResume}
		}
		from := d.p.state()
		to, acts, err := next(from, e)
		if err != nil {
			return nil, err
		}
		if to == from && !d.p.learns(e) && (!d.claim || from.status != paymentapi.Authorized) {
			return acts, nil
		}
		m := move{from: d.p, to: d.p.moved(to, e, d.s.micros()), cause: e}
		if err := d.s.store.do(ctx, &m); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			d.s.log.WarnContext(ctx, "a payment cannot be written and is tried again", "payment", d.p.ID, "error", err)
			if !d.pause(ctx, longestOff) {
				return nil, ctx.Err()
			}
			continue
		}
		if m.moved {
			point("is", string(m.to.Status))
			d.pauses, d.claim = 0, false
			d.set(m.to)
			return acts, nil
		}
		if !d.reload(ctx) {
			return nil, ctx.Err()
		}
	}
}

// overdue reports whether the payment has waited too long for the gateway or its
// booking. It is then given up, and what was done is undone. A payment left by a
// crash long ago is first attempted a few times.
func (d *drive) overdue() bool {
	age := d.s.micros() - d.p.CreatedAt
	switch d.p.Status {
	case paymentapi.Pending:
		return age > d.s.deadline.Microseconds()
	case paymentapi.Authorized:
		return age > d.s.confirmBy.Microseconds() && d.pauses >= fewTries
	}
	return false
}

// longest returns the longest pause before an unclear step is retried. It grows with the
// number of payments under way, so that all of them together bother a gateway that does
// not answer no more than a few would. Releasing money is retried for as long as it takes;
// a person is told, once.
func (d *drive) longest() time.Duration {
	if d.rest > 0 {
		return max(min(d.rest, longestRest), longestWait)
	}
	d.s.mu.Lock()
	together := time.Duration(len(d.s.drives)) * d.s.repeatGap
	d.s.mu.Unlock()
	if d.p.Status != paymentapi.Voiding && d.p.Status != paymentapi.Returning {
		return max(longestOff, together)
	}
	if d.pauses == manyTries {
		d.s.log.Error("a payment needs a person to look at it: the gateway does not give its money back", "payment", d.p.ID)
		d.s.metrics.stuck.Inc()
	}
	return max(longestUndo, together)
}

// pause waits longer each time, up to a limit, and reads the row again. Payments that were
// interrupted together do not go on together.
func (d *drive) pause(ctx context.Context, longest time.Duration) bool {
	wait := min(firstPause<<min(max(d.pauses, d.s.calls.outage()), 11), longest)
	wait = max(wait-rand.N(wait/4), d.leaveAlone())
	d.pauses++
	return sleep(ctx, wait, d.poke) && d.reload(ctx)
}

// reload reads the row until that succeeds or ctx ends.
func (d *drive) reload(ctx context.Context) bool {
	for n := 0; ; n++ {
		p, err := d.s.store.payment(ctx, d.p.ID)
		if err == nil {
			d.set(p)
			return true
		}
		if n%logEvery == 0 && ctx.Err() == nil {
			d.s.log.WarnContext(ctx, "a payment cannot be read and waits", "payment", d.p.ID, "error", err)
		}
		if !sleep(ctx, longestWait, nil) {
			return false
		}
	}
}

// perform carries out one action and returns the resulting event. An error means
// that the outcome is unclear.
func (d *drive) perform(ctx context.Context, a action) (event, error) {
	switch a {
	case toAuthorize:
		return d.authorize(ctx)
	case toAsk:
		return d.ask(ctx)
	case toExtend:
		d.extend(ctx, d.p.BookingID)
		return event{}, nil
	case toWait:
		return d.wait(d.s.life) // for longer than a step takes
	case toConfirm:
		return d.confirm(ctx)
	case toCapture:
		return d.capture(ctx)
	case toTakeBack:
		err := d.s.bookings.CancelUnpaid(ctx, d.p.BookingID, d.p.ID)
		if err != nil && !forGood(err) {
			return event{}, fmt.Errorf("take back booking: %w", err)
		}
		return event{kind: evTakenBack}, nil // refused: it is not booked by this payment
	case toVoid:
		return d.void(ctx)
	case toReturn:
		return d.giveBack(ctx)
	}
	return event{}, fmt.Errorf("no such action: %v", a)
}

// extend lets the hold last longer while its payment takes a while, once.
func (d *drive) extend(ctx context.Context, bookingID string) {
	d.extended.Do(func() {
		if err := d.s.bookings.Extend(ctx, bookingID); err != nil {
			d.s.log.InfoContext(ctx, "a hold was not extended", "booking", bookingID, "error", err)
		}
	})
}

// extendIfSlow extends the hold if stop is not called within the time that a request
// waits for its payment.
func (d *drive) extendIfSlow(ctx context.Context) (stop func()) {
	booking, done := d.p.BookingID, make(chan struct{})
	t := time.AfterFunc(d.s.patience, func() {
		defer close(done)
		_ = d.s.guarded(ctx, "extension of a hold", func() error { d.extend(ctx, booking); return nil })
	})
	return func() {
		if !t.Stop() {
			<-done
		}
	}
}

// key returns a step's idempotency key.
func (d *drive) key(try int64, step string) string {
	return d.p.ID + "." + strconv.FormatInt(try, 10) + "." + step
}

func (d *drive) authorize(ctx context.Context) (event, error) {
	try := d.p.try
	if e, err := d.releaseTo(ctx, try-1); err != nil || e.kind != evVoided {
		return e, err
	}
	defer d.extendIfSlow(ctx)()
	o, err := d.s.gatewayOf(&d.p).Authorize(ctx, d.key(try, "authorize"), d.s.charge(&d.p, try))
	if err != nil {
		return event{}, fmt.Errorf("authorize: %w", err)
	}
	e := event{kind: evApproved, try: try, reason: o.Reason, reference: o.Reference}
	switch o.Verdict {
	case provider.Declined:
		e.kind = evDeclined
	case provider.Undecided:
		e.kind, e.approve = evWaiting, o.Approve
	}
	return e, nil
}

func (d *drive) ask(ctx context.Context) (event, error) {
	standing, o, err := d.s.gatewayOf(&d.p).Find(ctx, d.s.charge(&d.p, d.p.try))
	if err != nil {
		return event{}, fmt.Errorf("ask the gateway: %w", err)
	}
	e := event{try: d.p.try, reason: o.Reason, reference: o.Reference, declines: o.Refused}
	switch standing {
	case provider.Unknown:
		e.kind = evUnknown
	case provider.Waiting:
		e.kind, e.approve = evWaiting, o.Approve
	case provider.Reserved:
		if e.kind = standingOf(o.CaptureBefore, d.s.micros()); e.kind == evExpiring {
			e.reason = timedOut
		}
	case provider.Taken:
		e.kind, e.reason, e.excess = evCaptured, d.otherwise(ctx, o.Taken), d.p.excessOf(o.Taken)
	case provider.Released:
		if e.kind = evGone; o.Reason == provider.Expired {
			e.reason = timedOut
		}
	case provider.Rejected:
		e.kind = evDeclined
	default:
		return e, fmt.Errorf("gateway has no standing %d", standing)
	}
	return e, nil
}

// Reasons of payments that were voided for other causes than a refusal by the
// booking service.
const (
	givenUp  = "payment-voided"
	timedOut = "payment-timed-out"
)

func (d *drive) confirm(ctx context.Context) (event, error) {
	cached := d.cached
	d.cached = false
	started := d.p.StartedAt
	if started == 0 { // inserted by an earlier version
		started = d.p.CreatedAt
	}
	_, err := d.s.bookings.Confirm(ctx, bookingapi.Confirm{
		BookingID: d.p.BookingID, PaymentID: d.p.ID, Amount: d.p.Amount, Currency: d.p.Currency, StartedAt: started,
		Alternatives: d.p.Alternatives,
	})
	if err == nil {
		return event{kind: evBooked}, nil
	}
	if !forGood(err) {
		return event{}, fmt.Errorf("confirm booking: %w", err)
	}
	var refusal *errs.Error
	errors.As(err, &refusal)
	if cached && refusal.Type == amountDiffers {
		if b, err := d.s.bookings.Recent(ctx, d.p.BookingID); err == nil && b.UserID == d.p.UserID && b.Currency == d.p.Currency {
			return event{kind: evCosts, amount: b.Amount, fees: b.Fees, tax: b.Tax}, nil
		}
	}
	d.mu.Lock()
	d.refusal = refusal
	d.mu.Unlock()
	if barred[refusal.Type] {
		return event{kind: evBarred, reason: refusal.Type}, nil
	}
	return event{kind: evRefused, reason: refusal.Type}, nil
}

// barred are the refusals of a confirmation after which the booking is left alone.
var barred = map[string]bool{
	"booking-cancelled": true, "event-cancelled": true, "already-booked": true, "not-found": true, amountDiffers: true,
}

// leaves are the barred refusals after which a late confirmation can still book the
// booking: the hold can be paid at its current price, which may return to the old
// amount. Recovery checks such payments until the hold can no longer be booked.
var leaves = map[string]bool{amountDiffers: true}

const amountDiffers = "amount-differs"

func (d *drive) capture(ctx context.Context) (event, error) {
	o, err := d.s.gatewayOf(&d.p).Capture(ctx, d.key(d.p.try, "capture"), d.s.charge(&d.p, d.p.try))
	switch {
	case err != nil:
		return event{}, fmt.Errorf("capture: %w", err)
	case o.Verdict == provider.Undecided:
		return event{}, errors.New("capture: the gateway has not decided")
	case o.Verdict == provider.Declined && o.Reason == provider.Expired:
		return event{kind: evGone, try: d.p.try, reason: timedOut}, nil
	case o.Verdict == provider.Declined:
		return event{kind: evUncaptured, reason: o.Reason}, nil
	}
	return event{kind: evCaptured, reason: d.otherwise(ctx, o.Taken), excess: d.p.excessOf(o.Taken)}, nil
}

// otherwise says that the gateway has taken something else than it was asked for; "" if it
// has not. The booking is sold and the money is here, so the payment is captured, and its
// journal says what was taken. Another amount is posted, and an excess goes back (see
// excess.go); about another currency, and about less, a person decides, since the gateway or
// its settings are at fault.
func (d *drive) otherwise(ctx context.Context, taken provider.Sum) string {
	if taken == (provider.Sum{}) || taken == (provider.Sum{Amount: d.p.Amount, Currency: d.p.Currency}) {
		return ""
	}
	if d.p.Status == paymentapi.Authorized {
		d.s.log.ErrorContext(ctx, "a payment needs a person to look at it: the gateway has taken another amount than it was asked for",
			"payment", d.p.ID, "asked", d.p.Amount, "currency", d.p.Currency, "taken", taken.Amount, "in", taken.Currency)
		d.s.metrics.stuck.Inc()
	}
	return fmt.Sprintf("taken-otherwise-%d-%s", taken.Amount, strings.ToLower(taken.Currency))
}

// forGood reports whether the booking service has refused, rather than failed.
func forGood(err error) bool {
	switch errs.KindOf(err) {
	case errs.Conflict, errs.Invalid, errs.NotFound, errs.Forbidden:
		return true
	}
	return false
}
