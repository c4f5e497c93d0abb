package payment

import (
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// A refund that fails is noted in payments_refunds_failed, in the transaction that records
// it: whether the gateway refused it, or had made it and the money came back; and once more
// when a person notes that they have given it back in another way. What a batch
// notes of an event is one row. A row goes once all consumers of the bus have taken it.
const (
	// All by the primary key.
	sqlNoteRefundFailed  = `INSERT INTO payments_refunds_failed (event_id, id, refunds) VALUES ($1, $2, $3)`
	sqlRefundsFailedRows = `SELECT event_id, id, refunds FROM payments_refunds_failed WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`
	sqlRefundsFailedTold = `DELETE FROM payments_refunds_failed WHERE event_id = $1 AND id = $2`
)

// FailedRefunds holds the messages about refunds that have failed.
func (s *Service) FailedRefunds() bus.Outbox { return s.failed }

// failed is what the message about a refund says that was not made.
func (w *endRefund) failed() paymentapi.FailedRefund {
	owed := w.amount - w.elsewhere
	if owed <= 0 { // all of it was given back by hand, but perhaps for another refund
		owed = w.amount
	}
	return paymentapi.FailedRefund{BookingID: w.bookingID, Seq: w.seq, Attempt: w.attempt, Amount: owed, Reason: w.reason, At: w.now}
}

// failedLater is what the message about a refund says that was made, and whose money came back.
func (w *failRefund) failedLater() paymentapi.FailedRefund {
	return paymentapi.FailedRefund{BookingID: w.from.BookingID, Seq: w.seq, Attempt: w.attempt, Amount: w.amount, Reason: w.reason, CameBack: true, At: w.now}
}

// noteRefundsFailed makes the rows of payments_refunds_failed.
func noteRefundsFailed(list []paymentapi.FailedRefund) (rows []noted, err error) {
	byEvent := map[string][]paymentapi.FailedRefund{}
	for _, f := range list {
		event := id.Event(f.BookingID)
		byEvent[event] = append(byEvent[event], f)
	}
	for event, list := range byEvent {
		raw, err := codec.Marshal(list)
		if err != nil {
			return nil, err
		}
		rows = append(rows, noted{rowKey{event, newRowID()}, string(raw)})
	}
	return rows, nil
}

// refundsFailedBody is the message of a row. A row that cannot be read is a message that
// says so.
func refundsFailedBody(text string) any {
	var m paymentapi.FailedRefundsMessage
	if codec.ReadKnown([]byte(text), &m.Refunds) != nil {
		return paymentapi.FailedRefundsMessage{Unreadable: text}
	}
	return m
}
