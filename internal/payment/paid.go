package payment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// asCapture is what the message about a payment has of it.
func (p *record) asCapture() paymentapi.Capture {
	return paymentapi.Capture{PaymentID: p.ID, UserID: p.UserID}
}

// Payments of an event that are captured together are one row of payments_paid, in the
// transaction that captures them: it is the outbox, without a further write for each
// payment. A row goes once all consumers of the bus have taken it.
const (
	// All by payments_paid_by_event.
	sqlNotePaid = `INSERT INTO payments_paid (event_id, id, payments) VALUES ($1, $2, $3)`
	sqlPaid     = `SELECT event_id, id, payments FROM payments_paid WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`
	sqlTold     = `DELETE FROM payments_paid WHERE event_id = $1 AND id = $2`
)

// notePaid makes the rows of some captured payments.
func notePaid(list []paymentapi.Capture) (rows []noted) {
	byEvent := map[string][]paymentapi.Capture{}
	for _, p := range list {
		event := eventOf(p.PaymentID)
		byEvent[event] = append(byEvent[event], p)
	}
	for event, list := range byEvent {
		rows = append(rows, noted{rowKey{event, newRowID()}, asPairs(list)})
	}
	return rows
}

// newRowID makes the id of a row. It begins with the time, and is its own: two nodes may
// each have tried to capture the same payment.
func newRowID() string { return rowIDAt(time.Now().UnixMicro()) }

func rowIDAt(micros int64) string { return fmt.Sprintf("%017d-%s", micros, id.Token()) }

// notedAt is the time in a row's id. Rows of older programs have none.
func notedAt(rowID string) time.Time {
	digits, _, found := strings.Cut(rowID, "-")
	at, err := strconv.ParseInt(digits, 10, 64)
	if !found || len(digits) != 17 || err != nil {
		return time.Now()
	}
	return time.UnixMicro(at)
}

// asPairs is a list as the column payments has it.
func asPairs(list []paymentapi.Capture) string {
	pairs := make([][2]string, len(list))
	for i, p := range list {
		pairs[i] = [2]string{p.PaymentID, p.UserID}
	}
	raw, err := codec.Marshal(pairs)
	if err != nil {
		panic(err) // they are strings
	}
	return string(raw)
}

// capturedBody is the message of a row of payments_paid. A row that cannot be read is a
// message without payments.
func capturedBody(text string) any {
	var pairs [][2]string
	if codec.ReadKnown([]byte(text), &pairs) != nil {
		return paymentapi.CapturedMessage{Unreadable: text}
	}
	var m paymentapi.CapturedMessage
	for _, p := range pairs {
		m.Payments = append(m.Payments, paymentapi.Capture{PaymentID: p[0], UserID: p[1]})
	}
	return m
}

// Outbox holds the messages about captured payments.
func (s *Service) Outbox() bus.Outbox { return s.paid }
