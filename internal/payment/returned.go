package payment

import (
	"slices"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// Money that goes back is noted in payments_returned, in the transaction that records
// that it went back: a refund once the gateway has made it or has told of it, and a payment that was given
// up once nothing of it is left to undo. What a batch notes of an event is one row. A row
// goes once all consumers of the bus have taken it.
const (
	// All by the primary key.
	sqlNoteReturned = `INSERT INTO payments_returned (event_id, id, returned) VALUES ($1, $2, $3)`
	sqlReturned     = `SELECT event_id, id, returned FROM payments_returned WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`
	sqlReturnedTold = `DELETE FROM payments_returned WHERE event_id = $1 AND id = $2`
)

// Returns holds the messages about money that went back.
func (s *Service) Returns() bus.Outbox { return s.returned }

// noteReturned makes the rows of payments_returned.
func noteReturned(list []paymentapi.Return) (rows []noted, err error) {
	byEvent := map[string][]paymentapi.Return{}
	for _, r := range list {
		event := eventOf(r.PaymentID)
		byEvent[event] = append(byEvent[event], r)
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

// returnedBody is the message of a row. A row that cannot be read is a message that says
// so.
func returnedBody(text string) any {
	var m paymentapi.ReturnedMessage
	if codec.ReadKnown([]byte(text), &m.Returned) != nil {
		return paymentapi.ReturnedMessage{Unreadable: text}
	}
	return m
}

// refunded is what the message about a refund says.
func (p *record) refunded(f *endRefund) paymentapi.Return {
	r := paymentapi.Return{PaymentID: p.ID, UserID: p.UserID, Amount: f.give - f.short, Currency: p.Currency, Seq: f.seq}
	if f.attempt > 1 {
		r.Attempt = f.attempt
	}
	return r
}

// returnedElsewhere is the message that an amount was given back on the gateway's own pages.
func (p *record) returnedElsewhere(amount int64) paymentapi.Return {
	return paymentapi.Return{PaymentID: p.ID, UserID: p.UserID, Amount: amount, Currency: p.Currency, Seq: -p.Version}
}

// returns is what the message about a payment says that has ended by being given up. ok
// is false if its buyer need not be told: no money had been approved, or they gave it up
// themselves before money was taken, or the price had changed and they are asked again.
func (w *move) returns() (r paymentapi.Return, ok bool) {
	p := &w.to
	if !w.from.Status.Unwinding() || p.Amount == 0 {
		return r, false
	}
	r = paymentapi.Return{PaymentID: p.ID, UserID: p.UserID, Amount: p.Amount, Currency: p.Currency, Reason: p.Reason, Taken: p.Status == paymentapi.Refunded}
	if r.Taken {
		r.Amount = p.taken()
	}
	switch p.Status {
	case paymentapi.Refunded:
		return r, true
	case paymentapi.Voided:
		return r, p.Reason != givenUp && p.Reason != amountDiffers && p.approved()
	}
	return r, false
}

// approved reports whether the gateway has approved the payment.
func (p *record) approved() bool {
	steps, err := p.steps()
	return err == nil && slices.ContainsFunc(steps, func(s paymentapi.Step) bool { return s.Status == paymentapi.Authorized })
}
