package webhook

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/webhookapi"
)

// testData is the data of messages of type webhook.test.
type testData struct {
	WebhookID string `json:"webhook_id" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
}

// summaries say what the messages of each type tell.
var summaries = []struct {
	kind    webhookapi.Type
	summary string
	data    any
}{
	{webhookapi.BookingBooked, "Seats were booked: bought, blocked or given away. For seats that were bought, wait for payment.captured before you rely on the money.", bookingData{}},
	{webhookapi.BookingCancelled, "Booked seats were given back or cancelled. amount is what is to be refunded.", bookingData{}},
	{webhookapi.BookingMoved, "A booked booking was moved to other seats at the same price; read it for the seats that it has now. Tickets for the others are no longer valid.", bookingData{}},
	{webhookapi.PaymentCaptured, "The money for a booking was taken.", paymentData{}},
	{webhookapi.PaymentRefunded, "Money for cancelled seats was given back.", paymentData{}},
	{webhookapi.RefundFailed, "Money for cancelled seats could not be given back, or came back after it was given back: the buyer has not got it. Somebody has to look at it.", paymentData{}},
	{webhookapi.EventChanged, "An event was created or changed: its status, sale, prices, plan, time or venue.", eventData{}},
	{webhookapi.EventCancelled, "An event was cancelled. booking.cancelled follows for each of its bookings.", eventData{}},
	{webhookapi.Test, "The organizer has asked for a test message.", testData{}},
}

// describe adds the messages to the document's webhooks.
func describe(api huma.API) {
	doc := api.OpenAPI()
	if doc.Webhooks == nil {
		doc.Webhooks = map[string]*huma.PathItem{}
	}
	header := func(name, text, example string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Required: true, Description: text, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	for _, m := range summaries {
		doc.Webhooks[string(m.kind)] = &huma.PathItem{Post: &huma.Operation{
			Security:    []map[string][]string{{}}, // the receiver checks the signature
			OperationID: "on-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(m.kind)), Tags: []string{"Webhooks"}, Summary: string(m.kind), Description: m.summary,
			Parameters: []*huma.Param{
				header(headerID, "Id of the message. It is the same in all attempts, so a message that you have seen can be ignored.", "msg_06a1b2c3d4e5f6g7-42"),
				header(headerTimestamp, "When this attempt was made, in seconds since 1970. Refuse old ones.", "1796115600"),
				header(headerSignature, "v1, a comma and the base64 of HMAC-SHA256 over webhook-id.webhook-timestamp.body, with the decoded secret as the key. After a rotation there are several, separated by spaces.", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: payloadSchema(api, m.kind, m.data)}}},
			Responses: map[string]*huma.Response{
				"2XX": {Description: "The message was received. Answer within 15 seconds; the body is ignored."},
				"410": {Description: "The receiver wants no more messages: the webhook is switched off."},
			},
		}}
	}
}

// payloadSchema is the schema of the messages of a type. It refers to no other schema:
// generators of clients drop those that only webhooks refer to, and keep the references.
func payloadSchema(api huma.API, kind webhookapi.Type, data any) *huma.Schema {
	of := reflect.TypeOf(data)
	s := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"type", "timestamp", "data"}, AdditionalProperties: true, // fields may be added
		Properties: map[string]*huma.Schema{
			"type":      {Type: huma.TypeString, Enum: []any{string(kind)}, Description: "What happened."},
			"timestamp": {Type: huma.TypeString, Format: "date-time", Description: "When it happened (RFC 3339, UTC). Messages may arrive in another order."},
			"data":      api.OpenAPI().Components.Schemas.Schema(of, false, of.Name()),
		},
	}
	s.PrecomputeMessages()
	return s
}
