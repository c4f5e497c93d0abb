package payment

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// The journal has no index by payment: it would cost each purchase something. So a payment's
// postings are looked for where they must be. Each step in its history has a posting, which
// was written a moment later; and what has none, such as another method, happened while it
// was pending. Only if something is missing there, as after clocks have been wrong, is
// more of the journal read.

const (
	// clocksDiffer is by how much the clocks that the times of payments and of the journal's
	// rows are from may differ.
	clocksDiffer = 24 * time.Hour

	soon       = time.Second     // after a step, when its posting is usually written
	wider      = 8               // by what this grows while something is missing
	storyBytes = 8 << 20         // of the journal that are read for a buyer
	storyMost  = 64 << 20        // … for those who work here
	storyItems = 1000            // postings of a story
	feesAround = 7               // days before and after a step whose fees are looked at
	stories    = 2               // that are read at a time
	storyWait  = 5 * time.Second // how long one waits for its turn
)

// Story is everything that happened to a payment, for callers who may read it: what the
// payment service has learned, from whom, and the money that it moved. whole is false if
// something was left out, since too much would have to be read.
func (s *Service) Story(ctx context.Context, caller caller.Caller, paymentID string) (list []paymentapi.Posting, whole bool, err error) {
	p, owns, err := s.read(ctx, caller, paymentID)
	if err != nil {
		return nil, false, err
	}
	buyer := owns && !caller.Administers() // what the gateway keeps is the organizer's and ours to know
	waiting, cancel := context.WithTimeout(ctx, storyWait)
	defer cancel()
	if err := s.stories.Acquire(waiting, 1); err != nil {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		return nil, false, errs.New(errs.Unavailable, "busy", "Other journals are being read; please try again in a moment.").After(storyWait)
	}
	defer s.stories.Release(1)
	r := story{q: s.store.db.Reader(), p: &p, left: storyMost}
	if buyer {
		r.left = storyBytes
	}
	if err := r.read(ctx, !buyer); err != nil {
		return nil, false, err
	}
	for _, one := range r.list() {
		switch {
		case buyer && one.Step == paymentapi.StepFee:
			continue
		case buyer:
			one.Reason = forBuyers(one.Reason)
			one.Gateway, one.GatewayAccount, one.Test = "", "", false
		}
		list = append(list, one)
	}
	if len(list) > storyItems {
		return list[:storyItems], false, nil
	}
	return list, r.left >= 0, nil
}

// story is what the journal has of a payment, as far as it was read.
type story struct {
	q    sqldb.Querier
	p    *record
	left int // bytes of the journal that may still be read; below 0: it was too much
	rows []storyRow
	seen []span // what was read, in µs since 1970: in order, and apart from each other
}

// storyRow is what a row of the journal has of the payment.
type storyRow struct {
	id, currency string
	postings     []paymentapi.Posting
}

// span is a time from one moment to another, the second excluded, in µs since 1970.
type span struct{ from, to int64 }

// read looks for the postings, and, if they are wanted, for the gateway's fees.
func (r *story) read(ctx context.Context, fees bool) error {
	err := r.look(ctx)
	if err == nil && fees {
		err = r.fees(ctx)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (r *story) look(ctx context.Context) error {
	steps, err := r.p.steps()
	if err != nil {
		return err
	}
	at := []int64{r.p.CreatedAt, r.p.UpdatedAt}
	for _, s := range steps {
		at = append(at, s.At.UnixMicro())
	}
	least := r.p.CreatedAt - clocksDiffer.Microseconds()
	around := soon
	for first := true; ; first = false {
		for _, t := range at {
			if err := r.during(ctx, max(least, t-around.Microseconds()/wider), t+around.Microseconds()); err != nil {
				return err
			}
		}
		if first && int64(r.count()) < r.p.Version-1 { // it may have had another method
			pending := r.p.UpdatedAt
			if i := slices.IndexFunc(steps, func(s paymentapi.Step) bool { return s.Status != paymentapi.Pending }); i >= 0 {
				pending = steps[i].At.UnixMicro()
			}
			if err := r.during(ctx, r.p.CreatedAt, pending); err != nil {
				return err
			}
		}
		if r.complete(steps) {
			return nil
		}
		if first { // what the journal began with has no time
			if err := r.between(ctx, "", rowBound(time.UnixMicro(1), "")); err != nil || r.complete(steps) {
				return err
			}
		}
		if around > clocksDiffer {
			return r.during(ctx, least, 1e17-1)
		}
		around *= wider
	}
}

// complete reports whether what was read says all that the row says.
func (r *story) complete(steps []paymentapi.Step) bool {
	var b balance
	found := map[string]int{}
	for _, row := range r.rows {
		for i := range row.postings {
			found[row.postings[i].Step]++
			b.add(&row.postings[i])
		}
	}
	if b != r.p.balance() {
		return false
	}
	if found[paymentapi.StepOpening] > 0 { // for all that happened before
		return true
	}
	for i, s := range steps {
		if i > 0 && s.At.UnixMicro() == r.p.CreatedAt || i == 0 { // it began so
			continue
		}
		if found[string(s.Status)]--; found[string(s.Status)] < 0 {
			return false
		}
	}
	return true
}

// add adds what a posting moves, but for the gateway's fees, which do not follow from the
// payment's row.
func (b *balance) add(p *paymentapi.Posting) {
	if p.Step == paymentapi.StepFee {
		return
	}
	for _, l := range p.Lines {
		for i, name := range paymentapi.Accounts {
			if name == l.Account {
				b[i] += l.Amount
			}
		}
	}
}

func (r *story) count() (n int) {
	for _, row := range r.rows {
		n += len(row.postings)
	}
	return n
}

// during reads the rows of a time, but for those that were read.
func (r *story) during(ctx context.Context, from, to int64) error {
	var after []span
	for _, s := range r.seen {
		switch {
		case s.to < from || s.from > to:
			after = append(after, s)
		case s.from <= from && s.to >= to:
			return nil
		}
	}
	begin, end := from, to
	for _, s := range r.seen {
		if s.to < from || s.from > to {
			continue
		}
		if s.from > begin {
			if err := r.between(ctx, rowBound(time.UnixMicro(begin), ""), rowBound(time.UnixMicro(s.from), "")); err != nil {
				return err
			}
		}
		begin, from, end = s.to, min(from, s.from), max(end, s.to)
	}
	if begin < to {
		if err := r.between(ctx, rowBound(time.UnixMicro(begin), ""), rowBound(time.UnixMicro(to), "")); err != nil {
			return err
		}
	}
	r.seen = append(after, span{from, end})
	slices.SortFunc(r.seen, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return nil
}

// fees reads the fees of the days of the payment's steps; see dayFees.
func (r *story) fees(ctx context.Context) error {
	steps, err := r.p.steps()
	if err != nil {
		return err
	}
	ends := map[int64]bool{}
	for _, s := range steps {
		day := s.At.UTC().Truncate(24 * time.Hour)
		for n := -feesAround; n <= feesAround; n++ {
			ends[day.AddDate(0, 0, n+1).UnixMicro()-1] = true
		}
	}
	for end := range ends {
		prefix := dayPrefix(end)
		if slices.ContainsFunc(r.seen, func(s span) bool { return s.from <= end && s.to > end }) {
			continue
		}
		if err := r.between(ctx, prefix, prefix+"~"); err != nil {
			return err
		}
	}
	return nil
}

// between reads the rows with from ≤ id < to; errEnough if that is too much.
func (r *story) between(ctx context.Context, from, to string) error {
	name := []byte(r.p.ID)
	return journalRows(ctx, r.q, r.p.EventID, from, to, func(row *journalRow) error {
		if r.left -= len(row.postings); r.left < 0 {
			return errEnough
		}
		if !bytes.Contains(row.postings, name) {
			return nil
		}
		list, err := row.shown()
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(p paymentapi.Posting) bool { return p.PaymentID != r.p.ID })
		if len(list) > 0 {
			r.rows = append(r.rows, storyRow{row.id, row.currency, list})
		}
		return nil
	})
}

// list is what was found, in order.
func (r *story) list() (all []paymentapi.Posting) {
	slices.SortFunc(r.rows, func(a, b storyRow) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.currency, b.currency)) })
	for _, row := range r.rows {
		all = append(all, row.postings...)
	}
	return all
}
