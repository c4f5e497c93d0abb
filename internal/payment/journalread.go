package payment

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// All by ranges of the primary key.
const (
	sqlJournal     = `SELECT id, currency, postings FROM payments_journal WHERE event_id = $1 AND id >= $2 AND id < $3 ORDER BY id, currency`
	sqlNextJournal = `SELECT event_id FROM payments_journal WHERE event_id > $1 ORDER BY event_id LIMIT 1`
)

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
	goOn := true
	err := journalRows(ctx, q, eventID, rowBound(from, ""), rowBound(to, "~"), func(r *journalRow) error {
		list, err := r.shown()
		if err != nil {
			return err
		}
		for i := range list {
			if goOn = yield(list[i], nil); !goOn {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && goOn {
		yield(paymentapi.Posting{}, err)
	}
	return err == nil
}

// journalRows passes on the rows of an event with from ≤ id < to. What take returns ends
// it. The text of a row is overwritten by the next.
func journalRows(ctx context.Context, q sqldb.Querier, eventID, from, to string, take func(*journalRow) error) error {
	fail := func(err error) error { return fmt.Errorf("read journal of event %q: %w", eventID, err) }
	rows, err := q.QueryContext(ctx, sqlJournal, eventID, from, to)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		r := journalRow{rowKey: rowKey{event: eventID}}
		if err := rows.Scan(&r.id, &r.currency, (*sql.RawBytes)(&r.postings)); err != nil {
			return fail(err)
		}
		if err := take(&r); err != nil {
			return fail(err)
		}
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return nil
}

// shown is a row's postings.
func (r *journalRow) shown() ([]paymentapi.Posting, error) {
	var list []storedPosting
	if err := codec.ReadKnown(r.postings, &list); err != nil {
		return nil, unreadable{r.id, err}
	}
	at := postedAt(r.id)
	out := make([]paymentapi.Posting, len(list))
	for i := range list {
		out[i] = list[i].shown(r.event, r.currency, at)
	}
	return out, nil
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
