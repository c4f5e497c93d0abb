package payment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	begun *begun        // that it belongs to; nil when it was taken up
	poke  chan struct{} // its row was changed by somebody else
	done  chan struct{} // closed when the goroutine has ended

	// Only the goroutine uses these.
	pauses   int // since the row last moved
	extended bool
	believed bool // its amount is only remembered, and no confirmation was asked for yet

	mu      sync.Mutex
	p       record      // as it is stored; written by the goroutine
	refusal *errs.Error // why the booking could not be confirmed
}

// limits of the pauses between two tries.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second  // while a gateway decides
	longestOff  = 4 * time.Second  // while something does not answer
	longestUndo = 30 * time.Second // while the gateway does not give money back
	fewTries    = 5
	manyTries   = 20
	stepTimeout = 30 * time.Second
)

// start drives a payment on, or pokes its driver if it has one. made is nil for one
// that is not new.
func (s *Service) start(p record, first eventKind, made *insertion) *drive {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.drives[p.ID]; d != nil {
		select {
		case d.poke <- struct{}{}:
		default: // it is poked already
		}
		return d
	}
	d := &drive{s: s, p: p, poke: make(chan struct{}, 1), done: make(chan struct{})}
	if made != nil {
		d.begun, d.believed = made.begun, made.believed
	}
	s.drives[p.ID] = d
	go func() {
		defer s.ended(d)
		_ = s.guarded(s.life, "drive of a payment", func() error { // one that panics is recovery's
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
		if d.begun != nil {
			s.store.ended(d.begun)
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

// run alternates between deciding and doing until nothing is left to do, or its
// life ends: recovery goes on from what was persisted.
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
			if ctx.Err() == nil {
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
				e, err = d.perform(d.s.steps.Context(), a)
				return err
			})
		}
		if err != nil {
			if ctx.Err() == nil {
				d.s.log.WarnContext(ctx, "a payment's step is unclear and is tried again",
					"payment", d.p.ID, "step", acts[len(acts)-1].String(), "error", err)
			}
			e = event{kind: evResume}
			if d.overdue() {
				e = event{kind: evWished, reason: timedOut}
				continue
			}
			if !d.pause(ctx, d.longest()) {
				return
			}
		}
	}
}

// advance hands an event to the state machine and persists what it makes of it.
// When another driver has changed the row meanwhile, the event is applied to the new
// row: it has happened all the same.
func (d *drive) advance(ctx context.Context, e event) ([]action, error) {
	for {
		from := d.p.state()
		to, acts, err := next(from, e)
		if err != nil {
			return nil, err
		}
		if to == from {
			return acts, nil
		}
		m := move{from: d.p, to: d.p.moved(to, e, d.s.micros())}
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
			d.pauses = 0
			d.set(m.to)
			return acts, nil
		}
		if !d.reload(ctx) {
			return nil, ctx.Err()
		}
	}
}

// overdue reports whether the payment has waited for too long, for the gateway or
// for its booking, and is to be given up: what was done is undone then. One that
// was left half-way by a crash long ago is tried some times first.
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

// longest is the longest pause before an unclear step is tried again. Money that
// the gateway does not let go of is asked for as long as it takes; a person is
// told, once.
func (d *drive) longest() time.Duration {
	if d.p.Status != paymentapi.Voiding && d.p.Status != paymentapi.Returning {
		return longestOff
	}
	if d.pauses == manyTries {
		d.s.log.Error("a payment needs a person to look at it: the gateway does not give its money back", "payment", d.p.ID)
		d.s.metrics.stuck.Inc()
	}
	return longestUndo
}

// pause waits longer each time, up to a limit, and reads the row again.
func (d *drive) pause(ctx context.Context, longest time.Duration) bool {
	wait := min(firstPause<<min(d.pauses, 10), longest)
	d.pauses++
	return sleep(ctx, wait, d.poke) && d.reload(ctx)
}

// reload reads the row until that succeeds or ctx ends.
func (d *drive) reload(ctx context.Context) bool {
	for {
		p, err := d.s.store.payment(ctx, d.p.ID)
		if err == nil {
			d.set(p)
			return true
		}
		if !sleep(ctx, longestWait, nil) {
			return false
		}
	}
}

// perform does one thing and says what happened. An error means that the
// outcome is unclear.
func (d *drive) perform(ctx context.Context, a action) (event, error) {
	switch a {
	case toAuthorize:
		return d.authorize(ctx)
	case toAsk:
		return d.ask(ctx)
	case toExtend:
		if !d.extended {
			d.extended = true
			if err := d.s.bookings.Extend(ctx, d.p.BookingID); err != nil {
				d.s.log.InfoContext(ctx, "a hold was not extended", "booking", d.p.BookingID, "error", err)
			}
		}
		return event{}, nil
	case toWait:
		return d.wait(ctx)
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

// key is a step's idempotency key.
func (d *drive) key(try int64, step string) string {
	return d.p.ID + "." + strconv.FormatInt(try, 10) + "." + step
}

func (d *drive) authorize(ctx context.Context) (event, error) {
	for try := int64(1); try < d.p.try; try++ {
		if e, err := d.release(ctx, try); err != nil || e.kind != evVoided {
			return e, err
		}
	}
	try := d.p.try
	o, err := d.s.gatewayOf(&d.p).Authorize(ctx, d.key(try, "authorize"), d.p.charge(try))
	if err != nil {
		return event{}, fmt.Errorf("authorize: %w", err)
	}
	e := event{kind: evApproved, try: try, reason: o.Reason, reference: o.Reference}
	switch o.Verdict {
	case provider.Declined:
		e.kind = evDeclined
	case provider.Undecided:
		e.kind = evWaiting
	}
	return e, nil
}

func (d *drive) ask(ctx context.Context) (event, error) {
	standing, o, err := d.s.gatewayOf(&d.p).Find(ctx, d.p.charge(d.p.try))
	if err != nil {
		return event{}, fmt.Errorf("ask the gateway: %w", err)
	}
	e := event{try: d.p.try, reason: o.Reason, reference: o.Reference}
	switch standing {
	case provider.Unknown:
		e.kind = evUnknown
	case provider.Waiting:
		e.kind = evWaiting
	case provider.Reserved:
		e.kind = evApproved
	case provider.Taken:
		e.kind = evCaptured
	case provider.Released:
		e.kind = evGone
	case provider.Rejected:
		e.kind = evDeclined
	default:
		return e, fmt.Errorf("gateway has no standing %d", standing)
	}
	return e, nil
}

// Reasons of payments that were voided for another reason than a refusal of the
// booking service.
const (
	givenUp  = "payment-voided"
	timedOut = "payment-timed-out"
)

// wait gives the gateway time, but not for ever: a buyer who was asked to
// approve and went away must not keep the booking from being paid otherwise.
func (d *drive) wait(ctx context.Context) (event, error) {
	if d.overdue() {
		return event{kind: evWished, reason: timedOut}, nil
	}
	if !d.pause(ctx, longestWait) {
		return event{}, ctx.Err()
	}
	return event{kind: evResume}, nil
}

func (d *drive) confirm(ctx context.Context) (event, error) {
	believed := d.believed
	d.believed = false
	started := d.p.StartedAt
	if started == 0 { // inserted by an earlier version
		started = d.p.CreatedAt
	}
	amount := d.p.Amount
	booked, err := d.s.bookings.Confirm(ctx, bookingapi.Confirm{
		BookingID: d.p.BookingID, PaymentID: d.p.ID, Amount: amount, Currency: d.p.Currency, StartedAt: started,
	})
	// Another driver's payment may have come to another amount since it was read here:
	// that is what is captured, and what may be refused.
	if other := err == nil && booked.Amount != amount || errs.Is(err, amountDiffers) && !believed; other && !d.reload(ctx) {
		return event{}, ctx.Err()
	}
	switch {
	case err == nil:
		return event{kind: evBooked}, nil
	case d.p.Amount != amount:
		return event{kind: evResume}, nil
	}
	if !forGood(err) {
		return event{}, fmt.Errorf("confirm booking: %w", err)
	}
	var refusal *errs.Error
	errors.As(err, &refusal)
	if believed && refusal.Type == amountDiffers {
		if b, err := d.s.bookings.Recent(ctx, d.p.BookingID); err == nil && b.UserID == d.p.UserID && b.Currency == d.p.Currency {
			return event{kind: evCosts, amount: b.Amount}, nil
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

// leaves are those of them after which a confirmation that comes late can still book
// the booking: its hold is good for a payment of what it costs now, and may cost the
// old amount again. Recovery looks after such payments until the hold cannot be
// booked any more.
var leaves = map[string]bool{amountDiffers: true}

const amountDiffers = "amount-differs"

func (d *drive) capture(ctx context.Context) (event, error) {
	o, err := d.s.gatewayOf(&d.p).Capture(ctx, d.key(d.p.try, "capture"), d.p.charge(d.p.try))
	switch {
	case err != nil:
		return event{}, fmt.Errorf("capture: %w", err)
	case o.Verdict == provider.Undecided:
		return event{}, errors.New("capture: the gateway has not decided")
	case o.Verdict == provider.Declined:
		return event{kind: evUncaptured, reason: o.Reason}, nil
	}
	return event{kind: evCaptured}, nil
}

// void lets go of the money of every method that the payment has had.
func (d *drive) void(ctx context.Context) (event, error) {
	for try := int64(1); try <= d.p.try; try++ {
		if e, err := d.release(ctx, try); err != nil || e.kind != evVoided {
			return e, err
		}
	}
	return event{kind: evVoided}, nil
}

// giveBack returns the money of every method that has taken some.
func (d *drive) giveBack(ctx context.Context) (event, error) {
	e := event{kind: evVoided}
	for try := int64(1); try <= d.p.try; try++ {
		was, err := d.release(ctx, try)
		if err != nil {
			return event{}, err
		}
		if was.kind != evCaptured {
			continue
		}
		o, err := d.s.gatewayOf(&d.p).Refund(ctx, d.key(try, "return"), d.p.charge(try), d.p.Amount)
		switch {
		case err != nil:
			return event{}, fmt.Errorf("return: %w", err)
		case o.Verdict != provider.Approved:
			return event{}, fmt.Errorf("return: not done (%s)", o.Reason)
		}
		e.kind = evReturned
	}
	return e, nil
}

// release voids one charge. One that the gateway does not void was captured
// meanwhile; or it is not there at all.
func (d *drive) release(ctx context.Context, try int64) (event, error) {
	c := d.p.charge(try)
	o, err := d.s.gatewayOf(&d.p).Void(ctx, d.key(try, "void"), c)
	if err != nil {
		return event{}, fmt.Errorf("void: %w", err)
	}
	if o.Verdict == provider.Approved {
		return event{kind: evVoided}, nil
	}
	standing, _, err := d.s.gatewayOf(&d.p).Find(ctx, c)
	switch {
	case err != nil:
		return event{}, fmt.Errorf("void: %w", err)
	case standing == provider.Taken:
		return event{kind: evCaptured}, nil
	case standing == provider.Released, standing == provider.Rejected:
		return event{kind: evVoided}, nil
	}
	return event{}, fmt.Errorf("void: not done (%s)", o.Reason)
}

// forGood reports whether the booking service has refused, rather than failed.
func forGood(err error) bool {
	switch errs.KindOf(err) {
	case errs.Conflict, errs.Invalid, errs.NotFound, errs.Forbidden:
		return true
	}
	return false
}
