package reconcile

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// office is three sides of some payments, in memory.
type office struct {
	lines    []provider.Line
	postings []Movement
	payments map[string][]Payment // by booking
	open     []Finding
	asked    []string
	since    time.Time
	now      time.Time
	n        int
	rnd      *rand.Rand
}

var day = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

func newOffice(seed uint64) *office {
	return &office{payments: map[string][]Payment{}, since: day.AddDate(0, 0, -30), now: day.AddDate(0, 0, 3), rnd: rand.New(rand.NewPCG(seed, 1))}
}

func (o *office) Lines(_ context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		for _, i := range o.rnd.Perm(len(o.lines)) {
			if l := o.lines[i]; !l.At.Before(from) && l.At.Before(to) && !yield(l, nil) {
				return
			}
		}
	}
}

func (o *office) Movements(_ context.Context, from, to time.Time) iter.Seq2[Movement, error] {
	return func(yield func(Movement, error) bool) {
		for _, i := range o.rnd.Perm(len(o.postings)) {
			if m := o.postings[i]; m.At >= from.UnixMicro() && m.At < to.UnixMicro() && !yield(m, nil) {
				return
			}
		}
	}
}

func (o *office) Since(context.Context) (time.Time, error) { return o.since, nil }

func (o *office) OfBookings(_ context.Context, ids []string) (map[string][]Payment, error) {
	out := map[string][]Payment{}
	for _, id := range ids {
		if p, ok := o.payments[id]; ok {
			out[id] = p
		}
	}
	return out, nil
}

func (o *office) Ask(_ context.Context, paymentID string) error {
	o.asked = append(o.asked, paymentID)
	return nil
}

func (o *office) Open(context.Context, time.Time, time.Time, time.Time) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for _, f := range o.open {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// reconcile compares the day, and checks what the report has added up.
func (o *office) reconcile() (*Report, error) {
	r, err := Run(context.Background(), Sources{Gateway: o, Journal: o, Record: o, Now: func() time.Time { return o.now }}, day, day.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	lines, sums := o.sums(r, slices.All(o.lines))
	if _, otherwise := o.sums(r, slices.Backward(o.lines)); r.Lines != lines || !slices.Equal(r.Sums, sums) && !slices.Equal(r.Sums, otherwise) {
		return nil, fmt.Errorf("%d lines with %+v, want %d with %+v", r.Lines, r.Sums, lines, sums)
	}
	return r, nil
}

// sums adds up the lines of the report's time, of each name the first.
func (o *office) sums(r *Report, lines iter.Seq2[int, provider.Line]) (n int64, sums []paymentapi.DaySum) {
	seen, by := map[string]bool{}, map[string]*paymentapi.DaySum{}
	for _, l := range lines {
		if l.At.Before(r.From) || !l.At.Before(r.To) || seen[l.ID] {
			continue
		}
		seen[l.ID] = true
		n++
		if l.Amount < 0 || l.Currency == "" || l.Kind == "gift" || l.Kind != provider.Payout && !strings.HasPrefix(l.Charge, "0123456789abcdef") {
			continue // reported instead
		}
		s := by[l.Currency]
		if s == nil {
			s = &paymentapi.DaySum{Currency: l.Currency}
			by[l.Currency] = s
		}
		s.Fees += l.Fee
		switch l.Kind {
		case provider.Captured:
			s.Captured += l.Amount
		case provider.Refunded:
			s.Refunded += l.Amount
		case provider.RefundFailed:
			s.Refunded -= l.Amount
		case provider.Disputed:
			s.Disputed += l.Amount
		case provider.DisputeWonBack:
			s.DisputeWon += l.Amount
		case provider.Payout:
			s.Payout += l.Amount
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(by)) {
		sums = append(sums, *by[currency])
	}
	return n, sums
}

// story is a payment that is told to all sides.
type story struct {
	o      *office
	p      *Payment
	at     time.Time // the gateway's
	method int64
}

// pay makes a payment of an amount at a time, by a new booking.
func (o *office) pay(amount int64, at time.Time) *story {
	o.n++
	return o.again(id.Booking("0123456789abcdef", "fan", fmt.Sprint(o.n)), amount, at)
}

// again makes another payment for a booking.
func (o *office) again(booking string, amount int64, at time.Time) *story {
	list := o.payments[booking]
	p := Payment{ID: fmt.Sprintf("%s-%d", booking, len(list)+1), BookingID: booking, Status: paymentapi.Pending, Amount: amount, Currency: "EUR", Methods: 1,
		CreatedAt: at.UnixMicro(), UpdatedAt: at.UnixMicro()}
	o.payments[booking] = append(list, p)
	return &story{o: o, p: &o.payments[booking][len(list)], at: at, method: 1}
}

func (s *story) charge() string { return fmt.Sprintf("%s.%d", s.p.ID, s.method) }

// line is what the gateway lists.
func (s *story) line(kind provider.LineKind, key string, amount int64) {
	s.o.lines = append(s.o.lines, provider.Line{ID: fmt.Sprintf("mv_%d", len(s.o.lines)+1), Kind: kind, Charge: s.charge(), Reference: "ch_" + s.charge(),
		Key: key, Amount: amount, Fee: amount / 50, Currency: s.p.Currency, At: s.at})
}

// lag is how long the record takes to follow the gateway.
func (s *story) lag() time.Duration {
	if s.o.rnd.IntN(10) == 0 {
		return -time.Duration(s.o.rnd.Int64N(int64(2 * time.Second))) // another clock
	}
	return time.Duration(s.o.rnd.Int64N(int64(5 * time.Second)))
}

// recorded writes a movement into the row's history and into the journal.
func (s *story) recorded(kind provider.LineKind, amount int64, after time.Duration) {
	m := Movement{Kind: kind, Charge: s.p.ID, Amount: amount, Currency: s.p.Currency, At: s.at.Add(after).UnixMicro()}
	s.p.Movements = append(s.p.Movements, m)
	s.p.UpdatedAt = m.At
	s.o.postings = append(s.o.postings, m)
}

func (s *story) capture() *story {
	s.at = s.at.Add(time.Second)
	s.line(provider.Captured, s.charge()+".capture", s.p.Amount)
	s.p.Status, s.p.Reference = paymentapi.Captured, "ch_"+s.charge()
	s.recorded(provider.Captured, s.p.Amount, s.lag())
	return s
}

func (s *story) wait(d time.Duration) *story {
	s.at = s.at.Add(d)
	return s
}

func (s *story) refund(amount int64) *story {
	s.line(provider.Refunded, fmt.Sprintf("%s:%d", s.p.BookingID[:id.Len], len(s.o.lines)), amount)
	s.p.Refunded += amount
	if s.p.Refunded == s.p.Amount {
		s.p.Status = paymentapi.Refunded
	}
	s.recorded(provider.Refunded, amount, s.lag())
	return s
}

// bounce is a refund that fails after it was made.
func (s *story) bounce(amount int64) *story {
	s.line(provider.RefundFailed, "", amount)
	s.p.Refunded -= amount
	s.p.Status = paymentapi.Captured
	s.recorded(provider.RefundFailed, amount, s.lag())
	return s
}

// forgetLast drops the last movement from the row and from the journal.
func (s *story) forgetLast() {
	last := s.p.Movements[len(s.p.Movements)-1]
	s.p.Movements = s.p.Movements[:len(s.p.Movements)-1]
	s.p.Refunded += last.Amount
	s.o.unpost()
}

func (s *story) dispute(won bool) *story {
	s.line(provider.Disputed, "", s.p.Amount)
	s.recorded(provider.Disputed, s.p.Amount, time.Minute)
	if won {
		s.wait(36 * time.Hour)
		s.line(provider.DisputeWonBack, "", s.p.Amount)
		s.recorded(provider.DisputeWonBack, s.p.Amount, time.Minute)
	}
	return s
}

// giveUp ends the payment without money.
func (s *story) giveUp() *story {
	s.line(provider.Voided, s.charge()+".void", s.p.Amount)
	s.p.Status, s.p.GivenUp = paymentapi.Voided, true
	return s
}

// late is a payment that the gateway captured although it was given up: it was returned.
func (s *story) late() *story {
	s.line(provider.Captured, s.charge()+".capture", s.p.Amount)
	s.wait(20 * time.Minute)
	s.line(provider.Refunded, s.charge()+".return", s.p.Amount)
	s.p.Status, s.p.GivenUp, s.p.Refunded = paymentapi.Refunded, true, s.p.Amount
	s.recorded(provider.Captured, s.p.Amount, -time.Second)
	s.recorded(provider.Refunded, s.p.Amount, time.Second)
	return s
}

// at is a time from the day before to the day after, often near midnight.
func (o *office) at() time.Time {
	if o.rnd.IntN(4) == 0 {
		return day.AddDate(0, 0, o.rnd.IntN(2)).Add(time.Duration(o.rnd.Int64N(int64(20*time.Second))) - 10*time.Second)
	}
	return day.Add(time.Duration(o.rnd.Int64N(int64(72*time.Hour))) - 24*time.Hour)
}

// honest tells everything to all sides, with all that may happen to honest people.
func (o *office) honest(n int) {
	for range n {
		amount := 1000 + o.rnd.Int64N(20_000)
		s := o.pay(amount, o.at())
		switch o.rnd.IntN(12) {
		case 0:
			s.capture().wait(time.Hour).refund(amount)
		case 1: // equal parts, within seconds or days
			part := amount / 4
			s.capture()
			for range 3 {
				s.wait(time.Duration(o.rnd.Int64N(int64(30 * time.Hour)))).refund(part)
			}
		case 2:
			s.capture().wait(time.Minute).dispute(o.rnd.IntN(2) == 0)
		case 3:
			s.giveUp()
			o.again(s.p.BookingID, amount, s.at.Add(time.Minute)).capture()
		case 4:
			s.late()
		case 5: // two methods
			s.line(provider.Voided, s.charge()+".void", amount)
			s.method, s.p.Methods = 2, 2
			s.capture()
		case 6: // recorded after an outage of a day and a half
			s.line(provider.Captured, s.charge()+".capture", amount)
			s.p.Status, s.p.Reference = paymentapi.Captured, "ch_"+s.charge()
			s.recorded(provider.Captured, amount, 36*time.Hour)
		case 7: // declined, and nobody moved money
			s.p.Status = paymentapi.Failed
		case 8: // costs nothing
			s.p.Amount, s.p.Status = 0, paymentapi.Captured
			s.recorded(provider.Captured, 0, 0)
			s.o.postings = s.o.postings[:len(s.o.postings)-1]
			s.p.Movements = nil
		case 9: // under way
			s.p.Status = paymentapi.Authorized
			s.line(provider.Captured, s.charge()+".capture", amount)
		default:
			s.capture()
		}
	}
	for i := range 3 {
		o.lines = append(o.lines, provider.Line{ID: fmt.Sprint("po_", i), Kind: provider.Payout, Amount: 10_000, Currency: "EUR", At: o.at()})
	}
	for range n / 20 { // a list may have one line on two of its pages
		o.lines = append(o.lines, o.lines[o.rnd.IntN(len(o.lines))])
	}
}

// captured is a payment that was captured at noon, and its line and posting.
func (o *office) captured() (s *story, line *provider.Line, posting *Movement) {
	s = o.pay(5000, day.Add(12*time.Hour)).capture()
	return s, &o.lines[len(o.lines)-1], &o.postings[len(o.postings)-1]
}

// forget removes the last n lines of the gateway.
func (o *office) forget(n int) { o.lines = o.lines[:len(o.lines)-n] }

// unpost removes the last posting.
func (o *office) unpost() { o.postings = o.postings[:len(o.postings)-1] }

func (o *office) hide(booking string) { delete(o.payments, booking) }

// found is the kinds of a report's findings, in order.
func found(r *Report) string {
	var kinds []string
	for k, n := range r.Found {
		kinds = append(kinds, fmt.Sprintf("%s×%d", k, n))
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}
