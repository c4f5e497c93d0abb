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

// A gateway may take another amount than it was asked for. The payment is captured all the
// same, and its row says by how much the amounts differ (excess). What was taken beyond the
// amount is owed to the buyer and goes back by itself, as a refund of its own beside those of
// the booking; what others give back on the gateway's own pages covers it first. What was
// taken less cannot be given back: refunds give back what is there.

// sqlWithExcess uses payments_excess, which is nearly always empty.
const sqlWithExcess = `SELECT ` + columns + ` FROM payments WHERE excess > excess_back AND ends_as = '' AND (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`

// excessAtOnce is how many payments with an excess are listed at once.
const excessAtOnce = 100

// excessOf is by how much more the gateway has taken than it was asked for; below 0: less.
// It is 0 if the gateway does not say, or names another currency: then a person decides.
func (p *record) excessOf(taken provider.Sum) int64 {
	if taken.Amount <= 0 || taken.Currency != p.Currency {
		return 0
	}
	return taken.Amount - p.Amount
}

// excessOwed is what of an excess is still to go back.
func (p *record) excessOwed() int64 { return max(p.excess, 0) - max(p.excessBack, 0) }

// left is what refunds of the booking can still give back.
func (p *record) left() int64 { return max(p.Amount-p.Refunded+min(p.excess-p.excessBack, 0), 0) }

// short is the part of a refund of the booking that was never taken.
func (p *record) short(amount int64) int64 {
	if p.excess >= 0 {
		return 0
	}
	return max(amount-p.left(), 0)
}

// excessKey is the idempotency key by which an excess is given back, at the first attempt or
// a later one.
func excessKey(p *record, attempt int64) string {
	key := p.ID + "." + strconv.FormatInt(p.try, 10) + ".excess"
	if attempt > 1 {
		key += strconv.FormatInt(attempt, 10)
	}
	return key
}

// isExcess reports whether a refund's key is one by which an excess is given back.
func isExcess(p *record, key string) bool { return excessAttempt(p, key) > 0 }

// excessAttempt is which attempt at giving back an excess has a key; 0: it is another refund's.
func excessAttempt(p *record, key string) int64 {
	attempt, ok := strings.CutPrefix(key, excessKey(p, 1))
	n, err := strconv.ParseInt(attempt, 10, 64)
	switch {
	case ok && attempt == "":
		return 1
	case ok && err == nil && n > 1 && key == excessKey(p, n):
		return n
	}
	return 0
}

// attempts are those at giving back an excess that were made.
type attempts struct {
	last, failed int64 // the last one, and the last one that has failed; 0: none
	why          string
	gone         int64 // what is back, by ours and then by others, minor units
}

// excessAttempts reads the attempts at giving back an excess.
func excessAttempts(p *record, list []provider.Refund) (a attempts) {
	for _, r := range list {
		attempt := excessAttempt(p, r.Key)
		a.last = max(a.last, attempt)
		_, _, ours := refundSeq(p.EventID, r.Key)
		switch {
		case !r.Failed && !ours:
			a.gone += r.Amount
		case attempt > a.failed:
			a.failed, a.why = attempt, r.Reason
		}
	}
	a.gone = min(a.gone, p.excess)
	return a
}

// hearTaken makes it part of a captured payment that another amount was taken.
func (s *Service) hearTaken(ctx context.Context, p record, taken provider.Sum) error {
	excess := p.excessOf(taken)
	if excess == 0 || p.excess != 0 {
		return nil
	}
	now, err := s.learn(ctx, p, event{kind: evTakenOtherwise, excess: excess})
	if err != nil || now.Version == p.Version {
		return err
	}
	s.log.ErrorContext(ctx, "a payment needs a person to look at it: the gateway has taken another amount than it was asked for",
		"payment", p.ID, "asked", p.Amount, "currency", p.Currency, "taken", taken.Amount)
	s.metrics.stuck.Inc()
	return errOvertaken // by ourselves: its refunds are asked about anew
}

// hearExcess makes part of a payment what of its excess is back: by us, or else by others. It
// returns the refunds by others that are not for the excess.
func (s *Service) hearExcess(ctx context.Context, p record, list, others []provider.Refund) ([]provider.Refund, error) {
	if p.excess <= 0 {
		return others, nil
	}
	var e event
	for _, r := range list {
		if isExcess(&p, r.Key) {
			if e.key, e.reason = r.Key, r.Reason; !r.Failed {
				e.amount += r.Amount
			}
		}
	}
	e.amount = min(e.amount, p.excess)
	var rest []provider.Refund
	for _, r := range others {
		part := min(r.Amount, p.excess-e.amount)
		if part > 0 {
			e.key, e.reason = r.ID, ""
		}
		e.amount += part
		if r.Amount -= part; r.Amount > 0 {
			rest = append(rest, r)
		}
	}
	if e.amount == p.excessBack {
		return rest, nil
	}
	e.kind = evExcessBack
	if _, err := s.learn(ctx, p, e); err != nil {
		return nil, err
	}
	return nil, errOvertaken // there may be more
}

// excesses gives back what is owed of excesses.
func (r *refunder) excesses(ctx context.Context) error {
	end := r.excess.Round()
	var failed error
	for after := (rowKey{}); ; {
		list, err := r.s.store.withExcess(ctx, after)
		if err != nil {
			return errors.Join(failed, err)
		}
		for i := range list {
			p := &list[i]
			after = rowKey{p.EventID, p.ID}
			if !r.excess.Due(p.ID, r.s.now()) {
				continue
			}
			if err := r.s.guarded(ctx, "excess of payment "+p.ID, func() error { return r.s.giveExcess(ctx, p) }); err != nil {
				r.excess.Failed(p.ID, r.s.now())
				failed = err // one of them is enough for the log
				r.tellExcess(ctx, p.ID, err)
			} else {
				r.excess.Done(p.ID)
			}
		}
		if len(list) < excessAtOnce {
			end()
			return failed
		}
	}
}

// errByHand says that a person must give an excess back.
var errByHand = errors.New("a person must give it back")

// tellExcess tells a person, once, that they must give an excess back.
func (r *refunder) tellExcess(ctx context.Context, paymentID string, err error) {
	if !errors.Is(err, errByHand) || r.told[paymentID] || len(r.told) >= retriesMost {
		return
	}
	r.told[paymentID] = true
	r.s.log.ErrorContext(ctx, "a payment needs a person to look at it: more was taken than asked for, and cannot be given back", "payment", paymentID, "error", err)
	r.s.metrics.stuck.Inc()
}

// giveExcess gives back what is owed of a payment's excess if that is possible now. The keys
// are tried in turn, as those of returns are: see giveBackOne. Amount and key go by the same
// list, so that what one process has given back is never asked for with another key.
func (s *Service) giveExcess(ctx context.Context, p *record) error {
	state := p.state()
	amount := min(p.excessOwed(), state.held()-p.disputed)
	if amount <= 0 || p.dispute == disputeOpen || s.foreign(p) {
		return nil // the buyer's bank decides, or another gateway has the money
	}
	if s.calls.resting() > 0 {
		return errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := s.Ask(ctx, p.ID); err != nil { // meanwhile, a person may have given it back
		return fmt.Errorf("excess of payment %s: %w", p.ID, err)
	}
	if now, err := s.store.payment(ctx, p.ID); err != nil || now.Version != p.Version {
		return err // the next round goes by what was learned
	}
	list, err := s.refundsAt(ctx, p, p.try)
	if err != nil {
		return fmt.Errorf("excess of payment %s: %w", p.ID, err)
	}
	was := excessAttempts(p, list)
	if _, lists := s.gateway.(provider.Refunds); lists && was.gone != p.excessBack {
		return fmt.Errorf("excess of payment %s: %w", p.ID, errOvertaken)
	}
	for attempt := was.last + 1; ; attempt++ {
		if was.failed >= mostReturns {
			return fmt.Errorf("excess of payment %s: %w: it came back %d times (%s)", p.ID, errByHand, was.failed, was.why)
		}
		if rest := time.Duration(p.UpdatedAt-s.micros())*time.Microsecond + s.returnPause(was.failed); was.failed > 0 && rest > 0 {
			return fmt.Errorf("excess of payment %s: it came back (%s), and is given back again later", p.ID, was.why)
		}
		key := excessKey(p, attempt)
		o, err := s.gatewayOf(p).Refund(ctx, key, s.charge(p, p.try), amount)
		switch {
		case err != nil:
			return fmt.Errorf("excess of payment %s: %w", p.ID, err)
		case o.Verdict == provider.Approved:
			_, err = s.learn(ctx, *p, event{kind: evExcessBack, amount: p.excessBack + amount, key: key})
			return err
		case o.Verdict == provider.Undecided:
			return fmt.Errorf("excess of payment %s: the gateway has not decided", p.ID)
		case !o.Spent:
			return fmt.Errorf("excess of payment %s: %w: declined (%s)", p.ID, errByHand, o.Reason)
		}
		was.failed, was.why = attempt, o.Reason
	}
}

// withExcess lists some payments whose buyers are owed an excess, behind a payment.
func (s *store) withExcess(ctx context.Context, after rowKey) (list []record, err error) {
	rows, err := s.reads[sqlWithExcess].QueryContext(ctx, after.event, after.id, excessAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list payments with an excess: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p record
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("list payments with an excess: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}
