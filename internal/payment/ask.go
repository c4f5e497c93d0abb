package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// askedAgain is how often a payment is asked about anew that changes meanwhile.
const askedAgain = 32

// errOvertaken says that a payment has changed since the gateway was asked about it, so
// that the answer may be older than the row.
var errOvertaken = errors.New("the payment changes all the time")

// Ask asks the gateway what became of a payment, whatever its row says, and goes on from
// there: one under way is taken up again, money that was taken or reserved for one that
// is over goes back, and disputes, refunds that failed and refunds by others become part
// of the payment. What it has learned is written when it returns; the rest is recovery's.
// Asking too often, at the same time or on several nodes does no harm. NotFound: there is
// no such payment.
func (s *Service) Ask(ctx context.Context, paymentID string) error {
	for range askedAgain {
		p, err := s.store.payment(ctx, paymentID)
		switch {
		case err != nil:
			return err
		case p.Amount == 0:
			return nil // nobody has money of it
		case !p.Status.Final():
			if s.driven(p.ID) || !s.isClosing() && !s.full() && !s.foreign(&p) { // else recovery takes it up
				s.start(p, evResume, nil)
			}
			return nil
		case s.isClosing():
			return errs.New(errs.Unavailable, "shutting-down", "The server is stopping. Please try again.").After(time.Second)
		}
		if err := s.askFinal(ctx, p); !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return fmt.Errorf("ask about payment %s: %w", paymentID, errOvertaken)
}

// captured reports whether a payment is captured, or went back since.
func (s *Service) captured(ctx context.Context, paymentID string) (bool, error) {
	p, err := s.store.payment(ctx, paymentID)
	return p.Status == paymentapi.Captured || p.Status == paymentapi.Refunded, err
}

// askFinal asks about a payment that is final. What the gateway says is written only
// if the row is still as it was before asking.
func (s *Service) askFinal(ctx context.Context, p record) error {
	for try := int64(1); try <= p.try; try++ {
		standing, o, err := s.gatewayOf(&p).Find(ctx, s.charge(&p, try))
		if err != nil {
			return fmt.Errorf("ask about payment %s: %w", p.ID, err)
		}
		over := p.over() && p.Status != paymentapi.Refunded
		switch {
		case over && standing == provider.Taken:
			err = s.undoLate(ctx, p, event{kind: evCaptured, try: p.try, excess: p.excessOf(o.Taken)})
		case over && standing == provider.Reserved:
			err = s.undoLate(ctx, p, event{kind: evApproved, try: p.try})
		case standing == provider.Taken && !over:
			if !p.over() && try == p.try {
				err = s.hearTaken(ctx, p, o.Taken)
			}
			if err == nil {
				err = s.hear(ctx, p, try, o.Disputes)
			}
			if err == nil {
				err = s.hearRefunds(ctx, p, try, &o)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undoLate undoes what happened to a payment that is over. It is written first that it is
// undone, so that recovery goes on if this process ends.
func (s *Service) undoLate(ctx context.Context, p record, e event) error {
	now, err := s.learn(ctx, p, e)
	if err == nil && !now.Status.Final() {
		s.start(now, evResume, nil)
	}
	return err
}

// learn makes an event part of a payment that is still as it was read. It returns the
// payment as it is then.
func (s *Service) learn(ctx context.Context, p record, e event) (record, error) {
	to, _, err := next(p.state(), e)
	if err != nil || to == p.state() {
		return p, err
	}
	m := move{from: p, to: p.moved(to, e, s.micros()), cause: e}
	if err := s.store.do(ctx, &m); err != nil {
		return p, err
	}
	if !m.moved {
		return p, errOvertaken
	}
	return m.to, nil
}

// hear makes what the gateway says of disputes part of a payment whose money was taken.
func (s *Service) hear(ctx context.Context, p record, try int64, list []provider.Dispute) error {
	list = slices.Clone(list)
	for i := range list { // a bank may withdraw more, such as after rates have changed; the comparison says so
		list[i].Amount = min(list[i].Amount, p.taken())
	}
	if _, lists := s.gateway.(provider.Refunds); lists && p.over() && len(list) > 0 {
		refunds, err := s.refundsAt(ctx, &p, try)
		if err != nil {
			return fmt.Errorf("ask about refunds of payment %s: %w", p.ID, err)
		}
		known := p.state()
		list = goneTwice(list, p.taken()-givenBack(refunds), known.disputeList())
	}
	kinds := map[provider.DisputeState]eventKind{provider.DisputeOpen: evDisputed, provider.DisputeWon: evDisputeWon, provider.DisputeLost: evDisputeLost}
	for _, d := range list {
		kind, ok := kinds[d.State]
		if !ok {
			continue
		}
		e := event{kind: kind, amount: d.Amount, key: d.ID, reason: d.Reason}
		if !d.Due.IsZero() {
			e.due = d.Due.UnixMicro()
		}
		now, err := s.learn(ctx, p, e)
		if err != nil {
			return err
		}
		if now.Version != p.Version {
			s.log.WarnContext(ctx, "a payment is disputed", "payment", p.ID, "dispute", d.ID, "state", now.dispute, "amount", d.Amount, "reason", d.Reason)
			return errOvertaken // by ourselves: the other disputes and its refunds are asked about anew
		}
	}
	return nil
}

// givenBack is what refunds have given back that have not failed.
func givenBack(list []provider.Refund) (sum int64) {
	for _, r := range list {
		if !r.Failed {
			sum += r.Amount
		}
	}
	return sum
}

// goneOf is what refunds and disputes have taken away of a charge.
func goneOf(list []provider.Refund, disputes []provider.Dispute) int64 {
	gone := givenBack(list)
	for _, d := range disputes {
		if d.State != provider.DisputeWon {
			gone += d.Amount
		}
	}
	return gone
}

// returnAgain returns the money of a payment that was given up once more, which is here
// again: a refund has failed, whoever has made it, or a dispute that had taken it was won.
func (s *Service) returnAgain(ctx context.Context, p record, list []provider.Refund) error {
	e := event{kind: evRefundFailed}
	for _, r := range list {
		if r.Failed {
			e.amount, e.key, e.reason = r.Amount, r.Key, r.Reason
		}
	}
	if e.amount > 0 {
		s.log.ErrorContext(ctx, "a payment needs a person to look at it: its money was given back, and that has failed", "payment", p.ID, "reason", e.reason)
	} else {
		s.log.WarnContext(ctx, "a payment that was given up has its money again, and returns it", "payment", p.ID)
	}
	return s.undoLate(ctx, p, e)
}

// goneTwice are disputes about a payment that was given up, as far as their money had been
// given back before: the rest has only given back what was left. One that is known stays, if
// it was lost and the money that had been given back has come back.
func goneTwice(list []provider.Dispute, left int64, known disputeList) (twice []provider.Dispute) {
	for _, d := range list {
		if d.State != provider.DisputeWon && left > 0 {
			once := min(left, d.Amount)
			left -= once
			d.Amount -= once
		}
		if d.Amount > 0 || d.State == provider.DisputeLost && known.of(d.ID) >= 0 {
			twice = append(twice, d)
		}
	}
	return twice
}

// hearRefunds makes what the gateway says of refunds part of a payment: those of ours
// that have failed after they were made, and those that others have made. The outcome
// is what the gateway says of the charge.
func (s *Service) hearRefunds(ctx context.Context, p record, try int64, is *provider.Outcome) error {
	list, err := s.refundsAt(ctx, &p, try)
	if err != nil {
		return fmt.Errorf("ask about refunds of payment %s: %w", p.ID, err)
	}
	var others []provider.Refund
	for _, r := range list {
		_, _, ours := refundSeq(p.EventID, r.Key)
		if _, again := returnAttempt(&p, try, r.Key); !r.Failed && !ours && !again && !isExcess(&p, r.Key) {
			others = append(others, r)
		}
	}
	if _, lists := s.gateway.(provider.Refunds); lists && p.over() && goneOf(list, is.Disputes) < p.Amount+p.excessOf(is.Taken) {
		return s.returnAgain(ctx, p, list)
	}
	for _, r := range list {
		seq, attempt, ours := refundSeq(p.EventID, r.Key)
		if !ours || !r.Failed {
			continue
		}
		w := failRefund{from: p, seq: seq, attempt: attempt, key: r.Key, amount: r.Amount, reason: r.Reason, now: s.micros()}
		if err := s.store.do(ctx, &w); err != nil {
			return err
		}
		if w.failed {
			s.metrics.refunds.WithLabelValues(refundFailed).Inc()
			s.log.ErrorContext(ctx, "a refund needs a person to look at it: it was made, and has failed", "refund", r.Key, "payment", p.ID, "reason", r.Reason)
		}
		if w.failed || w.overtook {
			return errOvertaken
		}
	}
	if p.over() {
		return nil
	}
	if _, lists := s.gateway.(provider.Refunds); lists {
		if others, err = s.hearExcess(ctx, p, list, others); err != nil {
			return err
		}
	}
	alive := int64(0)
	for _, r := range others {
		alive += r.Amount
	}
	return s.hearOthers(ctx, p, others, alive)
}

// hearOthers makes refunds by others part of a payment, each for itself.
func (s *Service) hearOthers(ctx context.Context, p record, list []provider.Refund, sum int64) error {
	e := event{kind: evElsewhere, amount: sum}
	upTo := int64(0)
	for _, r := range list {
		if upTo += r.Amount; upTo > p.elsewhere {
			e.amount, e.key = upTo, r.ID
			break
		}
	}
	now, err := s.learn(ctx, p, e)
	if err != nil || now.Version == p.Version {
		return err
	}
	what, amount := "was given back on the gateway's own pages", now.Refunded-p.Refunded
	if amount < 0 {
		what, amount = "that was given back on the gateway's own pages has come back", -amount
		s.metrics.stuck.Inc()
	}
	s.log.ErrorContext(ctx, "a booking needs a person to look at it: money of its payment "+what,
		"booking", p.BookingID, "payment", p.ID, "refund", e.key, "amount", amount)
	return errOvertaken // there may be more
}

// refundsAt lists the refunds of a payment's charge, as far as the gateway can.
func (s *Service) refundsAt(ctx context.Context, p *record, try int64) ([]provider.Refund, error) {
	if no, away := s.gatewayOf(p).(noGateway); away {
		return nil, no.why // that it lists none would say that none was made
	}
	g, ok := s.gateway.(provider.Refunds)
	if !ok {
		return nil, nil
	}
	return within(ctx, bounded{s.gateway, s.calls}, func() ([]provider.Refund, error) { return g.Refunds(ctx, s.charge(p, try)) })
}

// refundSeq is the ledger entry that a refund of ours is for, and which attempt at it has
// this key; ok is false if it is of somebody else.
func refundSeq(eventID, key string) (seq, attempt int64, ok bool) {
	text, ok := strings.CutPrefix(key, eventID+":")
	if !ok {
		return 0, 0, false
	}
	number, again, repeated := strings.Cut(text, ".")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || refundID(eventID, seq) != eventID+":"+number {
		return 0, 0, false
	}
	if !repeated {
		return seq, 1, true
	}
	attempt, err = strconv.ParseInt(again, 10, 64)
	return seq, attempt, err == nil && attempt > 1 && strconv.FormatInt(attempt, 10) == again
}
