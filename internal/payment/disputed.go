package payment

import (
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// A step of a dispute is noted in payments_disputes, in the transaction that makes it part
// of the payment: once, however often the gateway tells of it. What a batch notes of an
// event is one row. A row goes once all consumers of the bus have taken it.
const (
	// All by the primary key.
	sqlNoteDispute  = `INSERT INTO payments_disputes (event_id, id, disputes) VALUES ($1, $2, $3)`
	sqlDisputes     = `SELECT event_id, id, disputes FROM payments_disputes WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`
	sqlDisputesTold = `DELETE FROM payments_disputes WHERE event_id = $1 AND id = $2`
)

// Disputes holds the messages about steps of disputes.
func (s *Service) Disputes() bus.Outbox { return s.disputed }

// dispute is what the message about a step of a dispute says.
func (w *move) dispute(step paymentapi.Status) paymentapi.Dispute {
	amount := w.cause.amount
	if amount == 0 { // none of it has gone twice
		was := w.from.state()
		amount = was.disputeList().get(w.cause.key).Amount
	}
	return paymentapi.Dispute{
		PaymentID: w.to.ID, ID: w.cause.key, Step: step, Amount: amount, Currency: w.to.Currency,
		Reason: w.cause.reason, Due: w.cause.due, Back: w.from.Refunded,
	}
}

// noteDisputed makes the rows of payments_disputes.
func noteDisputed(list []paymentapi.Dispute) (rows []noted, err error) {
	byEvent := map[string][]paymentapi.Dispute{}
	for _, d := range list {
		event := eventOf(d.PaymentID)
		byEvent[event] = append(byEvent[event], d)
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

// disputedBody is the message of a row. A row that cannot be read is a message that says
// so.
func disputedBody(text string) any {
	var m paymentapi.DisputedMessage
	if codec.ReadKnown([]byte(text), &m.Disputes) != nil {
		return paymentapi.DisputedMessage{Unreadable: text}
	}
	return m
}
