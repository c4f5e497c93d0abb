package payment

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// People who try out stolen cards need many tries: a payment has a bounded number of
// methods, a booking of payments, and a person of methods that fail in an event. All are
// counted in the tables, so that restarts and other nodes change nothing. Methods that are
// tried on the gateway's own page count alike, and close it when they are too many.

const (
	// Both by the primary key. What has failed before $4 does not count any more.
	sqlCountFailed = `INSERT INTO payments_failed_methods (event_id, user_id, since, failed) VALUES ($1, $2, $3, 1)
		ON CONFLICT (event_id, user_id) DO UPDATE SET
			since = CASE WHEN payments_failed_methods.since < $4 THEN excluded.since ELSE payments_failed_methods.since END,
			failed = CASE WHEN payments_failed_methods.since < $4 THEN 1 ELSE payments_failed_methods.failed + 1 END`
	sqlFailed = `SELECT since, failed FROM payments_failed_methods WHERE event_id = $1 AND user_id = $2`
)

// failedMethod is a method that was declined.
type failedMethod struct {
	event, user string
	at          int64 // µs since 1970
}

// fails is how many methods were declined, for reasons of their own: the payment's, or
// those that were tried by it on the gateway's own page.
func (w *move) fails() int64 {
	if w.to.declines > w.to.earlier {
		return w.to.declines - w.from.declines
	}
	if w.cause.kind == evDeclined && w.from.Status == paymentapi.Pending && !notOfMethod[w.to.Reason] {
		return 1
	}
	return 0
}

// notOfMethod are the codes of gateways for declines that say nothing about a method: the
// buyer took too long, the office asked for something wrong, or the gateway had a fault.
var notOfMethod = map[string]bool{
	"authorization_expired": true, "expired": true, "voided": true, "processing_error": true, "amount_not_payable": true, "bad_amount": true,
	"amount_differs": true, "key_reused": true, "currency_not_supported": true,
}

// countFailed counts the methods that have failed in a batch. They are sorted, so that two
// nodes do not wait for each other.
func (t *batchTx) countFailed() error {
	slices.SortFunc(t.failed, func(a, b failedMethod) int {
		return cmp.Or(cmp.Compare(a.event, b.event), cmp.Compare(a.user, b.user))
	})
	for _, f := range t.failed {
		if _, err := t.exec(sqlCountFailed, f.event, f.user, f.at, f.at-paymentapi.FailedFor.Microseconds()); err != nil {
			return err
		}
	}
	return nil
}

// mayTry fails when too many payment methods of a person have failed for an event, so that
// nobody tries out stolen cards. A method that the gateway is sure of is let through.
func (s *Service) mayTry(ctx context.Context, eventID, userID, method string) error {
	if g, ok := s.gateway.(provider.Sure); ok && g.Sure(method) {
		return nil
	}
	var since, failed int64
	err := s.store.failed.QueryRowContext(s.store.db.Quick(ctx), eventID, userID).Scan(&since, &failed)
	if err != nil && s.isClosing() {
		return nil // what comes next refuses it
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read failed methods: %w", err)
	}
	wait := time.Duration(since-s.micros())*time.Microsecond + paymentapi.FailedFor
	if failed < paymentapi.MaxFailed || wait <= 0 {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-failed-payments", "Too many of your payments for this event have failed. Please try again tomorrow.").After(wait)
}
