package payment

import (
	"context"
	"fmt"
	"iter"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// All by ranges of the primary key.
const (
	sqlJournal     = `SELECT id, currency, postings FROM payments_journal WHERE event_id = $1 AND id >= $2 AND id < $3 ORDER BY id, currency`
	sqlStory       = `SELECT id, currency, postings FROM payments_journal WHERE event_id = $1 AND id >= $3 AND id < $4 AND postings LIKE $2 ORDER BY id, currency`
	sqlNextJournal = `SELECT event_id FROM payments_journal WHERE event_id > $1 ORDER BY event_id LIMIT 1`
)

// clocksDiffer is by how much the clocks that the times of payments and of the journal's
// rows are from may differ.
const clocksDiffer = 24 * time.Hour

// storedPosting is a posting as a row has it: see move.posting.
type storedPosting struct {
	Payment   string                       `json:"p"`
	Step      string                       `json:"s"`
	Cause     string                       `json:"c"`
	By        string                       `json:"b"`
	Key       string                       `json:"k"`
	Reason    string                       `json:"r"`
	Reference string                       `json:"f"`
	Gateway   string                       `json:"g"`
	Account   string                       `json:"a"`
	Test      bool                         `json:"t"`
	Lines     map[paymentapi.Account]int64 `json:"l"`
}

// Postings yields the postings of an event ("": of all) from one time to another, the
// second excluded, as a snapshot of the database has them: event by event, each in the
// order of its rows. Zero times are no limits. An error ends it.
func Postings(ctx context.Context, q sqldb.Querier, eventID string, from, to time.Time) iter.Seq2[paymentapi.Posting, error] {
	return func(yield func(paymentapi.Posting, error) bool) {
		if eventID != "" {
			_ = postingsOf(ctx, q, eventID, from, to, yield)
			return
		}
		if !postingsOf(ctx, q, "", from, to, yield) { // those of no event: payouts
			return
		}
		for event := ""; ; {
			next, err := sqldb.Texts(ctx, q, sqlNextJournal, event)
			if err != nil {
				yield(paymentapi.Posting{}, fmt.Errorf("read journal: %w", err))
			}
			if err != nil || len(next) == 0 {
				return
			}
			if event = next[0]; !postingsOf(ctx, q, event, from, to, yield) {
				return
			}
		}
	}
}

// postingsOf yields those of one event, and reports whether to go on.
func postingsOf(ctx context.Context, q sqldb.Querier, eventID string, from, to time.Time, yield func(paymentapi.Posting, error) bool) bool {
	return postingsBy(ctx, q, eventID, yield, sqlJournal, eventID, rowBound(from, ""), rowBound(to, "~"))
}

// postingsBy yields those that a statement finds in an event.
func postingsBy(ctx context.Context, q sqldb.Querier, eventID string, yield func(paymentapi.Posting, error) bool, text string, args ...any) bool {
	fail := func(err error) bool {
		yield(paymentapi.Posting{}, fmt.Errorf("read journal of event %q: %w", eventID, err))
		return false
	}
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, currency string
		var text []byte
		if err := rows.Scan(&id, &currency, &text); err != nil {
			return fail(err)
		}
		var list []storedPosting
		if err := codec.ReadKnown(text, &list); err != nil {
			return fail(unreadable{id, err})
		}
		at := postedAt(id)
		for i := range list {
			if !yield(list[i].shown(eventID, currency, at), nil) {
				return false
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return true
}

// unreadable is a row of the journal that no program can have written.
type unreadable struct {
	id  string
	err error
}

func (e unreadable) Error() string { return "row " + e.id + " of the journal: " + e.err.Error() }
func (e unreadable) Unwrap() error { return e.err }

// rowBound is the least id of a row from a time on; otherwise for the zero time.
func rowBound(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return fmt.Sprintf("%017d", max(t.UnixMicro(), 0))
}

// postedAt is the time of a row in µs since 1970; 0 for those that the journal began
// with.
func postedAt(rowID string) int64 { return notedAt(rowID).UnixMicro() }

func (p *storedPosting) shown(eventID, currency string, at int64) paymentapi.Posting {
	out := paymentapi.Posting{EventID: eventID, Currency: currency, At: at, PaymentID: p.Payment, Step: p.Step, Cause: p.Cause,
		By: p.By, Key: p.Key, Reason: p.Reason, Reference: p.Reference, Gateway: p.Gateway, GatewayAccount: p.Account, Test: p.Test}
	for _, name := range paymentapi.Accounts {
		if n, ok := p.Lines[name]; ok {
			out.Lines = append(out.Lines, paymentapi.Line{Account: name, Amount: n})
			delete(p.Lines, name)
		}
	}
	for name, n := range p.Lines { // of a later version
		out.Lines = append(out.Lines, paymentapi.Line{Account: name, Amount: n})
	}
	return out
}

// Postings yields the journal: see the function of this name.
func (s *Service) Postings(ctx context.Context, eventID string, from, to time.Time) iter.Seq2[paymentapi.Posting, error] {
	return Postings(ctx, s.store.db.Reader(), eventID, from, to)
}

// Story is everything that happened to a payment, for callers who may read it: what the
// payment service has learned, from whom, and the money that it moved.
func (s *Service) Story(ctx context.Context, caller caller.Caller, paymentID string) (list []paymentapi.Posting, err error) {
	p, owns, err := s.read(ctx, caller, paymentID)
	if err != nil {
		return nil, err
	}
	buyer := owns && !caller.Administers() // what the gateway keeps is the organizer's and ours to know
	take := func(one paymentapi.Posting, failed error) bool {
		if err = failed; err == nil && one.PaymentID == p.ID && !(buyer && one.Step == paymentapi.StepFee) {
			if buyer {
				one.Reason = forBuyers(one.Reason)
				one.Gateway, one.GatewayAccount, one.Test = "", "", false
			}
			list = append(list, one)
		}
		return err == nil
	}
	// What the journal began with has no time. The rest is not older than the payment.
	q, from := s.store.db.Reader(), fmt.Sprintf("%017d", max(p.CreatedAt-clocksDiffer.Microseconds(), 1))
	if postingsBy(ctx, q, p.EventID, take, sqlStory, p.EventID, ofPayment(p.ID), "", rowBound(time.UnixMicro(1), "")) {
		postingsBy(ctx, q, p.EventID, take, sqlStory, p.EventID, ofPayment(p.ID), from, "~")
	}
	return list, err
}

// Balances adds up an event's accounts, by currency.
func (s *Service) Balances(ctx context.Context, eventID string) (map[string]map[paymentapi.Account]int64, error) {
	out := map[string]map[paymentapi.Account]int64{}
	for p, err := range s.Postings(ctx, eventID, time.Time{}, time.Time{}) {
		if err != nil {
			return nil, err
		}
		if out[p.Currency] == nil {
			out[p.Currency] = map[paymentapi.Account]int64{}
		}
		for _, l := range p.Lines {
			out[p.Currency][l.Account] += l.Amount
		}
	}
	return out, nil
}
