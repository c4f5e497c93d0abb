package reconcile

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// Journal yields postings.
type Journal interface {
	// Movements yields the postings with from ≤ At < to, in no particular order.
	Movements(ctx context.Context, from, to time.Time) iter.Seq2[Movement, error]
	// Since is the time from which on the journal has every movement.
	Since(ctx context.Context) (time.Time, error)
}

// Record reads payments.
type Record interface {
	// OfBookings reads all payments of some bookings, by booking; bookings without
	// payments are missing.
	OfBookings(ctx context.Context, bookings []string) (map[string][]Payment, error)
	// Open yields what is under way since before a time, and should not be: payments that
	// are not final, and refunds that are not made; and refunds that the gateway has
	// refused from ≤ t < to.
	Open(ctx context.Context, before, from, to time.Time) iter.Seq2[Finding, error]
	// Ask has the gateway asked about a payment, and the payment brought to what it
	// answers. That may take longer than the call.
	Ask(ctx context.Context, paymentID string) error
}

// Costs takes what the gateway has kept and paid out on the day. It may be told the same
// lines again later, when the day is compared again.
type Costs interface {
	// Fee takes a line with a fee about a payment of the record, whose id is its Charge. The
	// lines come in the order of the payments' bookings.
	Fee(ctx context.Context, m Movement, of *Payment) error
	Payout(ctx context.Context, m Movement) error
	// Done comes after the last line.
	Done(ctx context.Context) error
}

// Sources are the sides of a comparison.
type Sources struct {
	Gateway provider.Books // nil: the gateway has no list
	Journal Journal        // nil: there is none
	Record  Record
	Costs   Costs // nil: nobody wants to know
	Now     func() time.Time
}

const (
	// Slack is by how much the record of a movement may differ from the gateway's: by
	// their clocks, and by the time until an unclear answer is asked about again.
	Slack = time.Hour
	// wide is what is read around the day of bookings that do not add up.
	wide = 7 * 24 * time.Hour
	// grace is how long a movement may take to be recorded.
	grace = 5 * time.Minute
	// stuckAfter is how long a payment or a refund may be under way.
	stuckAfter = 2 * time.Hour
	// atOnce is how many bookings are read together.
	atOnce = 512
	// maxDoubts is how many bookings are judged a second time.
	maxDoubts = 100_000
	// maxAsked is how many payments the gateway is asked about.
	maxAsked = 1000
)

// Run compares what happened from ≤ t < to. The last minutes are left out.
func Run(ctx context.Context, s Sources, from, to time.Time) (*Report, error) {
	if latest := s.Now().Add(-grace); to.After(latest) {
		to = latest
	}
	r := &comparing{Sources: s, span: span{from: from.UnixMicro(), to: to.UnixMicro(), slack: Slack.Microseconds(), books: s.Gateway != nil, asked: map[string]bool{}},
		report: &Report{From: from.UTC(), To: to.UTC(), Explained: map[string]int64{}, Found: map[FindingKind]int64{}, Findings: []Finding{}, Sums: []paymentapi.DaySum{}, Unlisted: s.Gateway == nil},
		doubts: map[string]bool{}}
	if !from.Before(to) {
		return r.report, nil
	}
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	return r.report, nil
}

// comparing is one comparison.
type comparing struct {
	Sources
	span
	report *Report
	doubts map[string]bool // bookings to judge a second time
	second bool
	paid   []Movement // payouts of the day
	ask    []string   // payments of which the gateway seems to know more than the record
}

// toAsk are the findings that asking the gateway may settle.
var toAsk = map[FindingKind]bool{
	NotReturned: true, DisputeUnrecorded: true, WonUnrecorded: true, DisputeAmount: true, CaptureAmount: true,
	RefundMissing: true, RefundAmount: true, RefundUnrecorded: true, FailureUnrecorded: true,
}

// askAbout asks the gateway about payments of which it knows more than the record, before
// anything is reported of them. What cannot be asked is reported.
func (r *comparing) askAbout(ctx context.Context) {
	for _, p := range r.ask {
		if r.Record.Ask(ctx, p) == nil {
			r.asked[p] = true
			r.report.Asked++
		}
	}
}

func (r *comparing) run(ctx context.Context) error {
	if r.Journal != nil {
		since, err := r.Journal.Since(ctx)
		if err != nil {
			return err
		}
		r.journal = since.UnixMicro()
	} else {
		r.journal = r.to
	}
	if err := r.pass(ctx, Slack); err != nil {
		return err
	}
	if err := r.costs(ctx); err != nil {
		return err
	}
	if len(r.doubts) > 0 {
		r.askAbout(ctx)
		r.second = true
		if err := r.pass(ctx, wide); err != nil {
			return err
		}
	}
	for f, err := range r.Record.Open(ctx, r.Now().Add(-stuckAfter), r.report.From, r.report.To) {
		if err != nil {
			return err
		}
		f.Says = says[f.Kind]
		add(r.report, []Finding{f})
	}
	slices.SortFunc(r.report.Sums, func(a, b paymentapi.DaySum) int { return strings.Compare(a.Currency, b.Currency) })
	return ctx.Err()
}

// pass reads both lists with some time around the day, and judges the bookings that they
// name: in the second pass, those in doubt.
func (r *comparing) pass(ctx context.Context, around time.Duration) (err error) {
	sorted, others := newSorter(), newSorter()
	defer func() { err = firstOf(firstOf(err, sorted.close()), others.close()) }()
	from, to := time.UnixMicro(r.from).Add(-around), time.UnixMicro(r.to).Add(around)
	if r.Gateway != nil {
		for l, err := range r.Gateway.Lines(ctx, from, to) {
			if err != nil {
				return fmt.Errorf("the gateway's list: %w", err)
			}
			m := FromLine(&l)
			if !r.comparable(&m) {
				if err := r.other(others, m); err != nil {
					return err
				}
			} else if r.concerns(&m) {
				if err := sorted.add(ofGateway, &m); err != nil {
					return err
				}
			}
		}
	}
	if r.Journal != nil {
		for m, err := range r.Journal.Movements(ctx, from, to) {
			if err != nil {
				return fmt.Errorf("journal: %w", err)
			}
			if !r.second && r.has(m.At) {
				r.report.Postings++
			}
			if r.concerns(&m) {
				if err := sorted.add(ofJournal, &m); err != nil {
					return err
				}
			}
		}
	}
	if err := r.judgeOthers(others); err != nil {
		return err
	}
	return r.judgeAll(ctx, sorted)
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// bookingOf is the booking of a charge or payment; "" if the id is not one of ours.
func bookingOf(charge string) string {
	b, rest, ok := strings.Cut(charge, "-")
	if !ok || rest == "" || !id.ValidBooking(b) {
		return ""
	}
	return b
}

// concerns reports whether a movement is judged in this pass.
func (r *comparing) concerns(m *Movement) bool { return !r.second || r.doubts[bookingOf(m.Charge)] }

// comparable reports whether a line is about a charge of ours, and can be compared.
func (r *comparing) comparable(m *Movement) bool {
	return m.Kind != provider.Payout && wellFormed(m) && bookingOf(m.Charge) != ""
}

// other takes a line of the day that is about no charge of ours. They are judged in the
// first pass.
func (r *comparing) other(lines *sorter, m Movement) error {
	if r.second || !r.has(m.At) {
		return nil
	}
	m.ID, m.Charge = m.Charge, m.ID // in the order of their names, so that those which are listed twice meet
	return lines.add(ofGateway, &m)
}

// judgeOthers counts what other has taken, and reports what is no payout.
func (r *comparing) judgeOthers(lines *sorter) error {
	j := judgement{span: r.span}
	var last Movement
	for s, err := range lines.sorted() {
		if err != nil {
			return err
		}
		m := s.Movement
		m.ID, m.Charge = m.Charge, m.ID
		if m.ID != "" && m.ID == last.ID {
			if m != last {
				j.find(LineContradicts, "", m, last.Amount)
			}
			continue
		}
		last = m
		r.report.Lines++
		switch {
		case !wellFormed(&m):
			j.find(BadLine, "", m, 0)
		case m.Kind == provider.Payout:
			r.report.Explained["payout"]++
			addUp(r.report, &m)
			r.paid = append(r.paid, m)
		default:
			j.find(ForeignCharge, "", m, 0)
		}
		add(r.report, j.found)
		j.found = j.found[:0]
	}
	add(r.report, j.found)
	return nil
}

func wellFormed(m *Movement) bool {
	switch m.Kind {
	case provider.Captured, provider.Refunded, provider.RefundFailed, provider.Voided, provider.Disputed, provider.DisputeWonBack, provider.Payout:
		return m.Amount >= 0 && len(m.Currency) == 3
	}
	return false
}

// judgeAll groups sorted movements by booking and judges them, some hundred together.
func (r *comparing) judgeAll(ctx context.Context, s *sorter) error {
	var group []Booking
	for m, err := range s.sorted() {
		if err != nil {
			return err
		}
		b := bookingOf(m.Charge)
		if len(group) == 0 || group[len(group)-1].ID != b {
			if len(group) == atOnce {
				if err := r.judgeGroup(ctx, group); err != nil {
					return err
				}
				group = group[:0]
			}
			group = append(group, Booking{ID: b})
		}
		last := &group[len(group)-1]
		if m.of == ofGateway {
			last.Lines = append(last.Lines, m.Movement)
		} else {
			last.Postings = append(last.Postings, m.Movement)
		}
	}
	return r.judgeGroup(ctx, group)
}

func (r *comparing) judgeGroup(ctx context.Context, group []Booking) error {
	if len(group) == 0 {
		return ctx.Err()
	}
	ids := make([]string, 0, len(group))
	for i := range group {
		if group[i].ID != "" {
			ids = append(ids, group[i].ID)
		}
	}
	payments, err := r.Record.OfBookings(ctx, ids)
	if err != nil {
		return err
	}
	for i := range group {
		b := &group[i]
		b.Payments = payments[b.ID]
		j := judge(r.span, b)
		if !r.second {
			r.count(j.lines)
			if err := r.fees(ctx, b, j.lines); err != nil {
				return err
			}
		}
		r.take(b, j)
	}
	return ctx.Err()
}

// count adds a booking's lines of the day to the sums.
func (r *comparing) count(lines []Movement) {
	for i := range lines {
		if r.has(lines[i].At) {
			r.report.Lines++
			addUp(r.report, &lines[i])
		}
	}
}

// fees passes on what the gateway has kept on the day of a booking's payments. It is not
// passed on of payments that are not in the record, which are reported.
func (r *comparing) fees(ctx context.Context, b *Booking, lines []Movement) error {
	if r.Costs == nil {
		return nil
	}
	for _, m := range lines {
		payment, _ := splitCharge(m.Charge)
		i := slices.IndexFunc(b.Payments, func(p Payment) bool { return p.ID == payment && p.Currency == m.Currency })
		if m.Fee == 0 || m.ID == "" || i < 0 || !r.has(m.At) {
			continue
		}
		m.Charge = payment
		if err := r.Costs.Fee(ctx, m, &b.Payments[i]); err != nil {
			return err
		}
	}
	return nil
}

// costs passes on the payouts of the day.
func (r *comparing) costs(ctx context.Context) error {
	if r.Costs == nil {
		return nil
	}
	for _, m := range r.paid {
		if m.ID == "" {
			continue
		}
		m.Charge = ""
		if err := r.Costs.Payout(ctx, m); err != nil {
			return err
		}
	}
	return r.Costs.Done(ctx)
}

// take adds a judgement to the report, or leaves the booking for the second pass.
func (r *comparing) take(b *Booking, j *judgement) {
	if !r.second && (len(j.found) > 0 || j.unsure) && len(r.doubts) < maxDoubts {
		r.doubts[b.ID] = true
		for _, f := range j.found {
			if toAsk[f.Kind] && len(r.ask) < maxAsked {
				r.ask = append(r.ask, f.PaymentID)
			}
		}
		return
	}
	r.report.Payments += int64(len(b.Payments))
	add(r.report, j.found)
	for _, how := range j.explained {
		r.report.Explained[how]++
	}
}

// Kinds lists the kinds of findings.
func Kinds() []FindingKind { return slices.Sorted(maps.Keys(says)) }
