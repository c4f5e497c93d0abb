package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
)

// void releases the money of every method that the payment has had.
func (d *drive) void(ctx context.Context) (event, error) {
	if d.returned.kind == evCaptured { // what is left is done by giveBack
		return d.returned, nil
	}
	return d.releaseTo(ctx, d.p.try)
}

// giveBack returns the money of every method that has taken some.
func (d *drive) giveBack(ctx context.Context) (event, error) {
	d.rest = 0
	for d.undone < d.p.try {
		try := d.undone + 1
		was, disputes, err := d.release(ctx, try)
		if err != nil {
			return event{}, err
		}
		if was.kind == evCaptured {
			if err := d.giveBackOne(ctx, try, d.p.Amount+was.excess, disputes); err != nil {
				return event{}, fmt.Errorf("return: %w", err)
			}
			d.returned = was
		}
		d.undone = try
	}
	if d.returned.kind == evCaptured {
		return event{kind: evReturned}, nil
	}
	return event{kind: evVoided}, nil
}

// mostReturns is how often the money of a charge is returned that comes back each time.
const mostReturns = 6

// returnPause is how long money that came back rests after so many returns have failed.
func (s *Service) returnPause(failed int64) time.Duration {
	pause := s.firstRest
	for ; failed > 1 && pause < s.lastRest; failed-- {
		pause *= 6
	}
	return min(pause, s.lastRest)
}

// giveBackOne returns the money of a charge, all that was taken and that the buyer does not
// have by hand or by a dispute. A return that was made and has failed is made again with a key
// of its own, after a pause. Which keys are spent is the gateway's to remember, so each driver
// comes to the same one, whatever has crashed before. It asks for all of them at once, since a
// slow gateway has only so much time in a step.
func (d *drive) giveBackOne(ctx context.Context, try, amount int64, disputes []provider.Dispute) error {
	list, err := d.s.refundsAt(ctx, &d.p, try)
	if err != nil {
		return err
	}
	var back, byHand int64 // what anybody has given back, and what others have
	var last, failed int64 // the last return of ours, and the last one that has failed
	var why string
	for _, r := range list {
		attempt, ours := returnAttempt(&d.p, try, r.Key)
		if ours {
			last = max(last, attempt)
		}
		switch {
		case !r.Failed && !ours:
			byHand += r.Amount
			fallthrough
		case !r.Failed:
			back += r.Amount
		case ours && attempt > failed:
			failed, why = attempt, r.Reason
		}
	}
	var lost int64
	for _, w := range disputes {
		if w.State == provider.DisputeLost {
			lost += w.Amount
		}
	}
	switch {
	case back+lost >= amount:
		return nil
	case byHand > 0 && failed > 0:
		return errors.New("not done: somebody is giving it back by hand")
	case failed >= mostReturns:
		d.rest = longestRest
		if !d.told {
			d.told = true
			d.s.log.ErrorContext(ctx, "a payment needs a person to look at it: its money was returned, and came back each time",
				"payment", d.p.ID, "returns", failed, "reason", why)
			d.s.metrics.stuck.Inc()
		}
		return fmt.Errorf("it came back %d times (%s)", failed, why)
	case failed > 0:
		d.rest = time.Duration(d.p.UpdatedAt-d.s.micros())*time.Microsecond + d.s.returnPause(failed)
		if d.rest > 0 {
			return fmt.Errorf("it came back (%s), and is returned again later", why)
		}
	}
	if slices.ContainsFunc(disputes, func(w provider.Dispute) bool { return w.State == provider.DisputeOpen }) {
		return errors.New("not done: the buyer disputes it") // and the amount may change: it would use up the key
	}
	attempt := last + 1
	if byHand+lost > 0 { // all of it may have been declined with the key before
		attempt++
	}
	o, err := d.s.gatewayOf(&d.p).Refund(ctx, returnKey(&d.p, try, attempt), d.s.charge(&d.p, try), amount-back-lost)
	switch {
	case err != nil || o.Verdict == provider.Approved:
		return err
	case o.Verdict == provider.Undecided:
		return errors.New("the gateway has not decided")
	}
	return fmt.Errorf("not done (%s)", o.Reason) // the next step looks for what has changed
}

// releaseTo releases the money of the methods up to one. Those of which this driver knows
// that they hold none are left out: a slow gateway would never get to the last one.
func (d *drive) releaseTo(ctx context.Context, last int64) (event, error) {
	for d.undone < last {
		if e, _, err := d.release(ctx, d.undone+1); err != nil || e.kind != evVoided {
			return e, err
		}
		d.undone++
	}
	return event{kind: evVoided}, nil
}

// release voids one charge. If the gateway refuses, the charge was captured in the
// meantime, or does not exist. Then it says what the buyer disputes.
func (d *drive) release(ctx context.Context, try int64) (event, []provider.Dispute, error) {
	c := d.s.charge(&d.p, try)
	o, err := d.s.gatewayOf(&d.p).Void(ctx, d.key(try, "void"), c)
	if err != nil {
		return event{}, nil, fmt.Errorf("void: %w", err)
	}
	if o.Verdict == provider.Approved {
		return event{kind: evVoided}, nil, nil
	}
	standing, is, err := d.s.gatewayOf(&d.p).Find(ctx, c)
	switch {
	case err != nil:
		return event{}, nil, fmt.Errorf("void: %w", err)
	case standing == provider.Taken:
		return event{kind: evCaptured, excess: d.p.excessOf(is.Taken)}, is.Disputes, nil
	case standing == provider.Released, standing == provider.Rejected:
		return event{kind: evVoided}, nil, nil
	}
	return event{}, nil, fmt.Errorf("void: not done (%s)", o.Reason)
}

// returnKey is the idempotency key by which the money of a payment that was given up is
// returned, at the first attempt or a later one.
func returnKey(p *record, try, attempt int64) string {
	key := p.ID + "." + strconv.FormatInt(try, 10) + ".return"
	if attempt > 1 {
		key += strconv.FormatInt(attempt, 10)
	}
	return key
}

// returnAttempt is which attempt at a return of ours has a key; ok is false if it is that of
// another refund.
func returnAttempt(p *record, try int64, key string) (attempt int64, ok bool) {
	if key == returnKey(p, try, 1) {
		return 1, true
	}
	number, _ := strings.CutPrefix(key, returnKey(p, try, 1))
	attempt, err := strconv.ParseInt(number, 10, 64)
	return attempt, err == nil && attempt > 1 && key == returnKey(p, try, attempt)
}
