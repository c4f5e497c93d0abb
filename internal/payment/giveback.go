package payment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
)

// void releases the money of every method that the payment has had.
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
	d.rest = 0
	for try := int64(1); try <= d.p.try; try++ {
		was, err := d.release(ctx, try)
		if err != nil {
			return event{}, err
		}
		if was.kind != evCaptured {
			continue
		}
		if err := d.giveBackOne(ctx, try, d.p.Amount+was.excess); err != nil {
			return event{}, fmt.Errorf("return: %w", err)
		}
		e.kind = evReturned
	}
	return e, nil
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

// giveBackOne returns the money of a charge, all that was taken. A return that was made and has failed is made
// again with a key of its own, after a pause. Which keys are spent is the gateway's to
// remember, so each driver comes to the same one, whatever has crashed before.
func (d *drive) giveBackOne(ctx context.Context, try, amount int64) error {
	for attempt := int64(1); ; attempt++ {
		o, err := d.s.gatewayOf(&d.p).Refund(ctx, returnKey(&d.p, try, attempt), d.s.charge(&d.p, try), amount)
		if err != nil || o.Verdict == provider.Approved {
			return err
		}
		if o.Verdict == provider.Undecided {
			return errors.New("the gateway has not decided")
		}
		back, err := d.alreadyBack(ctx, try)
		switch {
		case err != nil || back >= amount:
			return err
		case back > 0, !o.Spent: // somebody is giving it back by hand, or it cannot be given back
			return fmt.Errorf("not done (%s)", o.Reason)
		case attempt >= mostReturns:
			d.rest = longestRest
			if !d.told {
				d.told = true
				d.s.log.ErrorContext(ctx, "a payment needs a person to look at it: its money was returned, and came back each time",
					"payment", d.p.ID, "returns", attempt, "reason", o.Reason)
				d.s.metrics.stuck.Inc()
			}
			return fmt.Errorf("it came back %d times (%s)", attempt, o.Reason)
		}
		d.rest = time.Duration(d.p.UpdatedAt-d.s.micros())*time.Microsecond + d.s.returnPause(attempt)
		if d.rest > 0 {
			return fmt.Errorf("it came back (%s), and is returned again later", o.Reason)
		}
	}
}

// alreadyBack is how much of a charge has been given back by anybody.
func (d *drive) alreadyBack(ctx context.Context, try int64) (back int64, err error) {
	list, err := d.s.refundsAt(ctx, &d.p, try)
	for _, r := range list {
		if !r.Failed {
			back += r.Amount
		}
	}
	return back, err
}

// release voids one charge. If the gateway refuses, the charge was captured in the
// meantime, or does not exist.
func (d *drive) release(ctx context.Context, try int64) (event, error) {
	c := d.s.charge(&d.p, try)
	o, err := d.s.gatewayOf(&d.p).Void(ctx, d.key(try, "void"), c)
	if err != nil {
		return event{}, fmt.Errorf("void: %w", err)
	}
	if o.Verdict == provider.Approved {
		return event{kind: evVoided}, nil
	}
	standing, is, err := d.s.gatewayOf(&d.p).Find(ctx, c)
	switch {
	case err != nil:
		return event{}, fmt.Errorf("void: %w", err)
	case standing == provider.Taken:
		return event{kind: evCaptured, excess: d.p.excessOf(is.Taken)}, nil
	case standing == provider.Released, standing == provider.Rejected:
		return event{kind: evVoided}, nil
	}
	return event{}, fmt.Errorf("void: not done (%s)", o.Reason)
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

// isReturn reports whether a refund's key is that of a return of ours.
func isReturn(p *record, try int64, key string) bool {
	attempt, ok := strings.CutPrefix(key, returnKey(p, try, 1))
	n, err := strconv.ParseInt(attempt, 10, 64)
	return ok && (attempt == "" || err == nil && n > 1 && key == returnKey(p, try, n))
}
