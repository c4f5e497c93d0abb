package webhook

import (
	"fmt"
	"strconv"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/webhookapi"
)

// message is what receivers are told. Its id follows from what happened, so that a node
// that takes over reading a ledger makes the same message again.
type message struct {
	id      string
	eventID string
	kind    webhookapi.Type
	at      int64 // µs since 1970
	body    string
}

// payload is the body of a message. It holds no personal data: receivers read the rest
// with the API, as the organizer.
type payload struct {
	Type      webhookapi.Type `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      any             `json:"data"`
}

// bookingData is the data of messages about bookings.
type bookingData struct {
	EventID   string `json:"event_id"`
	BookingID string `json:"booking_id"`
	Reference string `json:"reference" doc:"The booking's number for people." example:"7K2M-9QXD"`
	Kind      string `json:"kind" enum:"sale,block,complimentary" doc:"sale: somebody has bought the seats. block, complimentary: the organizer has taken them out of the sale, or given them to a guest." example:"sale"`
	SeatCount int    `json:"seat_count" doc:"Number of seats that were booked, cancelled or moved to." example:"2"`
	Amount    int64  `json:"amount" doc:"Price of the seats or, of cancelled ones, what is to be refunded, in minor units of the currency."`
	Currency  string `json:"currency"`
	Seq       int64  `json:"seq" doc:"Entry in the event's ledger. Of two messages about a booking, the one with the higher seq is later."`
}

// paymentData is the data of messages about payments.
type paymentData struct {
	EventID   string `json:"event_id"`
	BookingID string `json:"booking_id"`
	PaymentID string `json:"payment_id"`
	RefundID  string `json:"refund_id,omitempty" doc:"Id of the refund: the event's id, a colon, and the seq of the cancellation." example:"06a1b2c3d4e5f6g7:42"`
	Amount    int64  `json:"amount" doc:"What was paid or refunded, in minor units of the currency."`
	Currency  string `json:"currency"`
	Reason    string `json:"reason,omitempty" doc:"Why the refund failed." example:"more-than-captured"`
	Seq       int64  `json:"seq" doc:"Entry in the event's ledger to which the payment or refund belongs."`
}

// eventData is the data of messages about events.
type eventData struct {
	EventID string          `json:"event_id"`
	Version int64           `json:"version" doc:"Version of the event."`
	Status  eventapi.Status `json:"status" enum:"draft,published,on_sale,cancelled" doc:"Status of the event." example:"on_sale"`
	Seq     int64           `json:"seq" doc:"Entry in the event's ledger. Of two messages about an event, the one with the higher seq is later."`
}

// concerns reports whether a ledger entry may lead to a message.
func concerns(e *ledger.Entry) bool {
	return e.Kind == ledger.Booked || e.Kind == ledger.Cancelled || e.Kind == ledger.Sale || moved(e)
}

// moved reports whether an entry moves a booked booking to other seats; a swap of held ones
// says until when they are held.
func moved(e *ledger.Entry) bool { return e.Kind == ledger.Swapped && e.Until == 0 }

// goodwill reports whether an entry only gives money back: then there is a message about
// the refund, and none about the booking.
func goodwill(e *ledger.Entry) bool { return e.Kind == ledger.Cancelled && len(e.Seats) == 0 }

// of makes the message about an entry. b is the entry's booking as it is now, nil if the
// entry has none.
func of(e *ledger.Entry, b *bookingapi.Booking) (message, error) {
	if e.Kind == ledger.Sale {
		return ofSale(e)
	}
	d := bookingData{e.EventID, e.BookingID, id.Reference(e.BookingID), kindOf(b), len(e.Seats), e.Amount, e.Currency, e.Seq}
	kind := webhookapi.BookingBooked
	switch {
	case e.Kind == ledger.Cancelled:
		kind = webhookapi.BookingCancelled
	case moved(e):
		kind = webhookapi.BookingMoved
	}
	return newMessage(messageID(e.EventID, e.Seq, ""), e.EventID, kind, e.At, d)
}

func ofSale(e *ledger.Entry) (message, error) {
	var sale struct {
		Status       eventapi.Status `json:"status"`
		EventVersion int64           `json:"event_version"`
	}
	if err := codec.ReadKnown([]byte(e.Sale), &sale); err != nil {
		return message{}, fmt.Errorf("sale of event %s at %d: %w", e.EventID, e.Seq, err)
	}
	kind := webhookapi.EventChanged
	if sale.Status == eventapi.Cancelled {
		kind = webhookapi.EventCancelled
	}
	return newMessage(messageID(e.EventID, e.Seq, ""), e.EventID, kind, e.At, eventData{e.EventID, sale.EventVersion, sale.Status, e.Seq})
}

// kindOf says what a booking is to an organizer.
func kindOf(b *bookingapi.Booking) string {
	if b != nil && (b.PaymentID == bookingapi.Block || b.PaymentID == bookingapi.Complimentary) {
		return b.PaymentID
	}
	return bookingapi.Sold
}

// captured makes the message about a payment that was captured for an awaited entry.
func captured(a awaited, p *paymentapi.Payment) (message, error) {
	at := a.at
	for _, s := range p.History {
		if s.Status == paymentapi.Captured {
			at = s.At.UnixMicro()
			break
		}
	}
	return newMessage(messageID(a.eventID, a.seq, "-paid"), a.eventID, webhookapi.PaymentCaptured, at,
		paymentData{EventID: a.eventID, BookingID: a.bookingID, PaymentID: p.ID, Amount: p.Amount, Currency: p.Currency, Seq: a.seq})
}

// refunded makes the message about a refund that is made or has failed. These are two
// messages: one that has failed may be tried again, and is made then. So are the attempts
// of one whose money came back.
func refunded(a awaited, r *paymentapi.Refund, currency string) (message, error) {
	kind, what := webhookapi.PaymentRefunded, "-refund"
	if r.Status == paymentapi.RefundFailed {
		kind, what = webhookapi.RefundFailed, "-refund-failed"
	}
	if r.Attempt > 1 {
		what += "-" + strconv.FormatInt(r.Attempt, 10)
	}
	return newMessage(messageID(a.eventID, a.seq, what), a.eventID, kind, r.UpdatedAt, paymentData{
		EventID: a.eventID, BookingID: a.bookingID, PaymentID: r.PaymentID, RefundID: paymentapi.RefundID(a.eventID, a.seq),
		Amount: r.Amount, Currency: currency, Reason: r.Reason, Seq: a.seq,
	})
}

// testMessage makes a message for trying out an endpoint.
func testMessage(endpointID string, now time.Time) (message, error) {
	return newMessage("msg_test_"+id.Token(), "", webhookapi.Test, now.UnixMicro(), testData{endpointID})
}

// messageID is the id of a message about an entry. It has no dot, as Standard Webhooks
// demands.
func messageID(eventID string, seq int64, what string) string {
	return "msg_" + eventID + "-" + strconv.FormatInt(seq, 10) + what
}

func newMessage(messageID, eventID string, kind webhookapi.Type, at int64, data any) (message, error) {
	raw, err := codec.Marshal(payload{kind, time.UnixMicro(at).UTC(), data})
	if err != nil {
		return message{}, fmt.Errorf("message %s: %w", messageID, err)
	}
	return message{messageID, eventID, kind, at, string(raw)}, nil
}
