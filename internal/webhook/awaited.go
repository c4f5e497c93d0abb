package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

// Ledgers tell of seats. The money for them follows: a payment is captured after its
// booking was booked, a refund is made after its seats were cancelled. What is to be told
// of it waits in webhook_awaited until the payment service says that it is over.

const (
	awaitAtOnce  = 500
	awaitFirst   = 2 * time.Second // between two looks at the same one; it doubles
	awaitLongest = 5 * time.Minute

	// A refund that has failed may be tried again.
	failedLongest = time.Hour           // between two looks at the same one
	failedFor     = 30 * 24 * time.Hour // then nobody will try it again
	toldFailed    = 1 << 32             // is added to the tries of one whose failure was told
)

// awaited is a row of webhook_awaited: what has become of the money of an entry?
type awaited struct {
	eventID   string
	seq       int64
	bookingID string
	refund    bool // of this entry; false: the booking's payment
	at        int64
	tries     int64 // toldFailed and more: its failure was told, and then so many

	organizerID string // not in the table
}

// awaits is what to wait for because of an entry, if anything.
func awaits(e *ledger.Entry, b *bookingapi.Booking) (awaited, bool) {
	w := awaited{eventID: e.EventID, seq: e.Seq, bookingID: e.BookingID, at: e.At, refund: e.Kind == ledger.Cancelled}
	return w, (e.Kind == ledger.Booked || w.refund) && e.Amount > 0 && kindOf(b) == bookingapi.Sold
}

func addAwaited(ctx context.Context, tx *sql.Tx, w awaited, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_awaited (event_id, seq, booking_id, refund, at, due_at, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT (event_id, seq) DO NOTHING`, w.eventID, w.seq, w.bookingID, w.refund, w.at, now.UnixMicro())
	return err
}

// awaitAgain is addAwaited for a refund that has failed after it was made. If it is awaited
// still, it is looked at as if for the first time.
func awaitAgain(ctx context.Context, tx *sql.Tx, w awaited, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_awaited (event_id, seq, booking_id, refund, at, due_at, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT (event_id, seq) DO UPDATE SET at = excluded.at, due_at = excluded.due_at, tries = 0`, w.eventID, w.seq, w.bookingID, w.refund, w.at, now.UnixMicro())
	return err
}

// await looks at everything that is due, and stores messages about what is over.
func (s *Service) await(ctx context.Context) error {
	for ctx.Err() == nil {
		list, err := s.dueAwaited(ctx)
		if err != nil || len(list) == 0 {
			return err
		}
		organizers, err := s.intake.know(ctx, list)
		if err != nil || organizers == nil { // nil: another node does the work
			return err
		}
		if err := s.settle(ctx, list, organizers); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Service) dueAwaited(ctx context.Context) ([]awaited, error) {
	rows, err := s.store.db.Reader().QueryContext(ctx, `SELECT event_id, seq, booking_id, refund, at, tries FROM webhook_awaited
		WHERE due_at <= $1 ORDER BY due_at LIMIT $2`, s.now().UnixMicro(), awaitAtOnce) // webhook_awaited_due
	if err != nil {
		return nil, fmt.Errorf("read awaited payments: %w", err)
	}
	defer rows.Close()
	var list []awaited
	for rows.Next() {
		var w awaited
		if err := rows.Scan(&w.eventID, &w.seq, &w.bookingID, &w.refund, &w.at, &w.tries); err != nil {
			return nil, fmt.Errorf("read awaited payments: %w", err)
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// settle asks for what has become of some payments and refunds. Those that are over lead
// to a message and are deleted, the others are looked at again later. So are refunds that
// have failed, after a message about that. organizers are by event; an event that has none
// is not known yet.
func (s *Service) settle(ctx context.Context, list []awaited, organizers map[string]string) error {
	var bookings []string
	refunds := map[string][]int64{}
	for _, w := range list {
		bookings = append(bookings, w.bookingID)
		if w.refund {
			refunds[w.eventID] = append(refunds[w.eventID], w.seq)
		}
	}
	payments, err := s.payments.Latest(ctx, bookings)
	if err != nil {
		return err
	}
	back := map[string]map[int64]paymentapi.Refund{}
	for eventID, seqs := range refunds {
		if back[eventID], err = s.payments.RefundsOf(ctx, eventID, seqs); err != nil {
			return err
		}
	}
	var messages []stored
	over := make([]bool, len(list))
	whose := map[string]bool{}
	for i, w := range list {
		organizer, known := organizers[w.eventID]
		if !known {
			continue
		}
		p, paid := payments[w.bookingID]
		var m message
		said := false
		if w.refund {
			r, known := back[w.eventID][w.seq]
			switch {
			case !known || r.Status == paymentapi.RefundPending:
			case r.Status == paymentapi.RefundFailed:
				said = organizer != "" && w.tries < toldFailed
				over[i] = organizer == "" || s.now().Sub(time.UnixMicro(r.UpdatedAt)) > failedFor
				list[i].tries = max(w.tries, toldFailed)
			case r.Status == paymentapi.RefundNeedless && r.Reason != "": // it may be owed again
				over[i] = organizer == "" || s.now().Sub(time.UnixMicro(r.UpdatedAt)) > failedFor
				list[i].tries = max(w.tries, toldFailed)
			default:
				said, over[i] = organizer != "" && r.Status != paymentapi.RefundNeedless, true
			}
			if said {
				m, err = refunded(w, &r, p.Currency)
			}
		} else {
			over[i] = paid && p.Status.Final()
			if said = over[i] && p.Paid() && organizer != ""; said {
				m, err = captured(w, &p)
			}
		}
		if err != nil {
			return err
		}
		if said {
			messages = append(messages, stored{message: m, organizerID: organizer, entryAt: w.at})
			whose[organizer] = true
		}
	}
	err = s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now()
		to, err := s.store.receivers(ctx, tx, whose)
		if err != nil {
			return err
		}
		if err := s.store.tell(ctx, tx, messages, to, now); err != nil {
			return err
		}
		for i, w := range list {
			if err := endAwaited(ctx, tx, w, over[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return wrapped("store messages about payments", err)
	}
	s.queues.fill(messages)
	return nil
}

// endAwaited deletes what is over, and puts off the rest.
func endAwaited(ctx context.Context, tx *sql.Tx, w awaited, over bool, now time.Time) error {
	if over {
		_, err := tx.ExecContext(ctx, `DELETE FROM webhook_awaited WHERE event_id = $1 AND seq = $2`, w.eventID, w.seq) // primary key
		return err
	}
	pause := min(awaitFirst<<min(w.tries, 10), awaitLongest)
	if w.tries >= toldFailed {
		pause = min(awaitLongest<<min(w.tries-toldFailed, 10), failedLongest)
	}
	_, err := tx.ExecContext(ctx, `UPDATE webhook_awaited SET tries = $3, due_at = $4 WHERE event_id = $1 AND seq = $2`, w.eventID, w.seq, w.tries+1, now.Add(pause).UnixMicro())
	return err
}
