package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// errLeft says that a refund was left to the next round.
var errLeft = errors.New("left to the next round")

// settle attempts every refund that is open and due, for a while: a round has other things
// to do, and the next one goes on from there. A failing one is retried after growing pauses
// while the others continue.
func (r *refunder) settle(ctx context.Context) error {
	last, end, endWaits := r.resume, r.later.Round(), r.waits.Round()
	resumed, until := r.resume != "", r.s.now().Add(settleTime)
	r.resume = ""
	var failed []error
	for ctx.Err() == nil {
		page, err := r.s.store.openRefunds(ctx, last, refundsAtOnce)
		if err == nil && len(page) == 0 {
			if resumed {
				r.poke() // for those before
			} else {
				end()
				endWaits()
			}
			r.s.metrics.refundsLate.Set(float64(r.later.Len()))
		}
		if err != nil || len(page) == 0 {
			return errors.Join(append(failed, err)...)
		}
		tried := last
		last = page[len(page)-1].id
		now := r.s.now()
		due := slices.DeleteFunc(page, func(f openRefund) bool {
			again, over := r.later.Due(f.id, now), r.waits.Due(f.id, now)
			return !again || !over
		})
		for i := range due {
			due[i].failed = r.later.HasFailed(due[i].id)
		}
		delays := delayRefunds{now: r.s.micros()}
		left := false
		for i, err := range r.attempt(ctx, due, until) {
			id := due[i].id
			if errors.Is(err, errLeft) {
				left = true
				continue
			}
			if !left {
				tried = id
			}
			switch {
			case errors.Is(err, errWaits):
				r.waits.Failed(id, r.s.now())
			case err == nil:
				r.later.Done(id)
				r.waits.Done(id)
			default:
				r.later.Failed(id, r.s.now())
				failed = append(failed, err)
				if due[i].reason == "" && !errors.Is(err, errBusy) { // otherwise it was noted before
					delays.list = append(delays.list, due[i])
				}
			}
		}
		if len(delays.list) > 0 {
			if err := r.s.store.do(ctx, &delays); err != nil {
				failed = append(failed, err)
			}
		}
		if len(failed) > refundWorkers {
			failed = failed[:1] // one of them is enough for the log
		}
		if left {
			r.resume = tried
			r.s.metrics.refundsLate.Set(float64(r.later.Len()))
			r.poke()
			return errors.Join(failed...)
		}
	}
	return ctx.Err()
}

// attempt attempts some refunds, once each, and leaves some if need be: those of a booking one
// after the other, since each goes by what is left of the payment, all others concurrently.
func (r *refunder) attempt(ctx context.Context, due []openRefund, until time.Time) []error {
	failures := make([]error, len(due))
	byBooking := map[string][]int{}
	var bookings []string
	for i := range due {
		b := due[i].bookingID
		if byBooking[b] == nil {
			bookings = append(bookings, b)
		}
		byBooking[b] = append(byBooking[b], i)
	}
	next := make(chan []int)
	var wg sync.WaitGroup
	for range min(refundWorkers, len(bookings)) {
		wg.Go(func() {
			for list := range next {
				for _, i := range list {
					if failures[i] = errLeft; !r.s.now().After(until) {
						failures[i] = r.s.guarded(ctx, "refund "+due[i].id, func() error { return r.one(ctx, due[i]) })
					}
				}
			}
		})
	}
	for _, b := range bookings {
		next <- byBooking[b]
	}
	close(next)
	wg.Wait()
	return failures
}

// chargedBack is why a refund is needless whose buyer has got the money by a dispute.
const chargedBack = "charged-back"

// refundedElsewhere is why a refund is needless whose money was given back on the
// gateway's own pages.
const refundedElsewhere = "refunded-elsewhere"

// errNotAsked says that a refund which is tried again waits until the gateway has said what
// was given back meanwhile.
var errNotAsked = errors.New("the gateway could not be asked what was given back meanwhile")

// errWaits says that a refund waits until a dispute is decided. That takes weeks.
var errWaits = errors.New("the payment is disputed")

// errBusy says that a refund waits because the gateway takes no more requests.
var errBusy = errors.New("the gateway takes no more requests")

// one makes a refund if that is possible now.
func (r *refunder) one(ctx context.Context, f openRefund) error {
	if job, err := r.s.store.refundJob(ctx, f.eventID); err != nil || job.paused {
		return err // it may have been paused since the refund was listed
	}
	end := endRefund{openRefund: f, status: refundDone, now: r.s.micros()}
	p, err := r.s.store.ofBooking(ctx, f.bookingID)
	if errs.KindOf(err) == errs.NotFound {
		end.status, end.reason = refundFailed, "no-payment"
		return r.finish(ctx, &end)
	}
	if err != nil {
		return err
	}
	end.paymentID = p.ID
	if !p.Status.Final() {
		return nil // cancelled before the money was taken: wait until the payment is final
	}
	if p.over() { // nothing was taken, or all of it was returned already
		end.status = refundNeedless
		return r.finish(ctx, &end)
	}
	if p.elsewhere > 0 { // more may have been set off since the refund was listed
		if now, err := r.s.store.refundChanged(ctx, &f); err != nil || now != f.updatedAt {
			return err // the next round goes by what was learned
		}
	}
	if f.elsewhere > 0 {
		if over, err := r.isSetOff(ctx, &p, &end); over || err != nil {
			return err
		}
	}
	end.give = f.amount - f.elsewhere
	if left := p.Amount - p.Refunded; p.elsewhere > 0 && left > 0 { // what was given back by hand before it was owed covers the rest
		end.give = min(end.give, left)
	}
	end.short = p.short(end.give)
	give := end.give - end.short
	if _, _, err := next(p.state(), event{kind: evRefunded, amount: end.give, short: end.short}); err != nil {
		end.status, end.reason = refundFailed, "more-than-captured"
		if p.elsewhere > 0 && p.Status == paymentapi.Refunded {
			end.status, end.reason = refundNeedless, refundedElsewhere
		}
		return r.finish(ctx, &end)
	}
	if give > p.left()-p.disputed {
		if p.dispute != disputeLost {
			return errWaits // the gateway has the money; it is the buyer's bank that decides
		}
		if made, err := r.made(ctx, &p, &end); made || err != nil {
			return r.finishMade(ctx, &end, err)
		}
		end.status, end.reason = refundNeedless, chargedBack
		if p.left() > p.disputed { // not all of it: a person decides what is owed
			end.status = refundFailed
		}
		return r.finish(ctx, &end)
	}
	if give == 0 { // nothing is left of what was taken
		return r.finish(ctx, &end)
	}
	asking, cancel := context.WithTimeout(ctx, stepTimeout) // a gateway that hangs holds up nothing else
	defer cancel()
	if f.again(r.since) || p.dispute == disputeOpen { // meanwhile, a person may have given it back
		if err := r.s.Ask(asking, p.ID); err != nil {
			return fmt.Errorf("refund %s: %w: %w", f.id, errNotAsked, err)
		}
		if now, err := r.s.store.payment(ctx, p.ID); err != nil || now.Version != p.Version {
			return err // the next round goes by what was learned
		}
	}
	if r.s.calls.resting() > 0 { // captures come first
		return fmt.Errorf("refund %s: %w", f.id, errBusy)
	}
	point("before", "refund")
	o, err := r.s.gatewayOf(&p).Refund(asking, f.key(), r.s.charge(&p, p.try), give)
	point("after", "refund")
	switch {
	case err != nil:
		return fmt.Errorf("refund %s: %w", f.id, err)
	case o.Verdict == provider.Undecided:
		return fmt.Errorf("refund %s: the gateway has not decided", f.id)
	case o.Verdict == provider.Declined:
		if made, err := r.made(ctx, &p, &end); made || err != nil { // of another amount, and the answer was lost
			return r.finishMade(ctx, &end, err)
		}
		now, err := r.asked(asking, p.ID)
		switch {
		case err != nil:
			return err
		case now.dispute == disputeOpen:
			return errWaits
		case !o.Spent && now.Version != p.Version: // more may have gone back than was known
			return r.withNextKey(ctx, &end)
		}
		end.status, end.reason, end.spent = refundFailed, o.Reason, o.Spent
	}
	return r.finish(ctx, &end)
}

// asked is a payment after the gateway has declined a refund and was asked: the buyer may
// dispute it, or somebody may have given a part back.
func (r *refunder) asked(ctx context.Context, paymentID string) (record, error) {
	if err := r.s.Ask(ctx, paymentID); err != nil {
		return record{}, err
	}
	return r.s.store.payment(ctx, paymentID)
}

// withNextKey leaves a refund that was declined to the next round, which gives back another
// amount, and so needs another key.
func (r *refunder) withNextKey(ctx context.Context, end *endRefund) (err error) {
	end.status, end.spent = refundPending, true
	if end.updatedAt, err = r.s.store.refundChanged(ctx, &end.openRefund); err != nil {
		return err
	}
	return r.s.store.do(ctx, end)
}

func (r *refunder) finish(ctx context.Context, w *endRefund) error {
	if err := r.s.store.do(ctx, w); err != nil {
		return err
	}
	if !w.ended {
		return nil // another process was faster
	}
	point("is", w.status)
	r.s.metrics.refunds.WithLabelValues(w.status).Inc()
	if w.status == refundFailed {
		r.s.log.ErrorContext(ctx, "a refund needs a person to look at it",
			"refund", w.id, "payment", w.paymentID, "reason", w.reason)
	}
	return nil
}
