package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/route"
	"boxoffice/internal/webhookapi"
)

// maxBody bounds the bodies of requests.
const maxBody = 8 << 10

// webhookBody is an endpoint as clients see it.
type webhookBody struct {
	ID           string            `json:"id" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
	URL          string            `json:"url" doc:"Where messages are sent." example:"https://example.org/hooks"`
	Description  string            `json:"description" doc:"A note of the organizer." example:"Our mailing list"`
	Types        []webhookapi.Type `json:"types" doc:"Types of messages that are sent. Empty: all." example:"[\"booking.booked\"]"`
	Enabled      bool              `json:"enabled" doc:"Whether messages are sent." example:"true"`
	OffBecause   string            `json:"off_because,omitempty" enum:"organizer,failing,gone" doc:"Why it is not enabled. organizer: its organizer has switched it off. failing: it has not accepted any message for five days. gone: it answered 410." example:"failing"`
	CreatedAt    time.Time         `json:"created_at"`
	FailingSince *time.Time        `json:"failing_since,omitempty" doc:"Since when it accepts no message (RFC 3339, UTC). Absent: it does, or none was sent yet." example:"2026-12-01T09:00:00Z"`
	Waiting      int               `json:"waiting" doc:"Number of deliveries that are still to be tried; counted up to 1000." example:"0"`
	Failed       int               `json:"failed" doc:"Number of deliveries in the log that were given up; counted up to 1000." example:"0"`
	Secret       string            `json:"secret,omitempty" doc:"Secret with which messages are signed. Only in the answer that creates the webhook." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

func bodyOf(e *webhookapi.Endpoint) webhookBody {
	b := webhookBody{ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Enabled: e.Enabled, OffBecause: e.OffBecause,
		CreatedAt: e.CreatedAt, Waiting: e.Waiting, Failed: e.Failed, FailingSince: codec.OrNil(e.FailingSince)}
	if b.Types == nil {
		b.Types = []webhookapi.Type{}
	}
	return b
}

type webhookOut struct {
	Status       int
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         webhookBody
}

type webhookList struct {
	Items []webhookBody `json:"items" doc:"The webhooks, oldest first, at most 10."`
}

type webhooksOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         webhookList
}

// deliveryBody is a delivery as clients see it.
type deliveryBody struct {
	MessageID   string          `json:"message_id" doc:"Id of the message: the webhook-id of each attempt." example:"msg_06a1b2c3d4e5f6g7-42"`
	Type        webhookapi.Type `json:"type" doc:"What the message is about." example:"booking.booked"`
	EventID     string          `json:"event_id,omitempty"`
	At          time.Time       `json:"at"`
	Status      string          `json:"status" enum:"waiting,delivered,failed" doc:"waiting: for the next attempt. delivered: the receiver has answered 2xx. failed: given up." example:"delivered"`
	Attempts    int             `json:"attempts" doc:"Number of attempts so far." example:"1"`
	NextAt      *time.Time      `json:"next_at,omitempty" doc:"When the next attempt is planned (RFC 3339, UTC)." example:"2026-12-01T09:05:00Z"`
	LastAt      *time.Time      `json:"last_at,omitempty" doc:"When the last attempt was made (RFC 3339, UTC)." example:"2026-12-01T09:00:00Z"`
	LastStatus  int             `json:"last_status,omitempty" doc:"HTTP status of the last answer. Absent: there was none." example:"204"`
	LastFailure string          `json:"last_failure,omitempty" enum:"status,redirect,lookup,address,timeout,refused,tls,broken" doc:"What was wrong with the last attempt. Absent: nothing. status: an answer other than 2xx. redirect: redirects are not followed. lookup: the name has no address. address: the address is not on the public internet. timeout: no answer within 15 seconds. refused: no connection. tls: no valid certificate. broken: the connection broke, or the answer is not HTTP." example:"timeout"`
}

type webhookDeliveries struct {
	Items      []deliveryBody `json:"items" doc:"The deliveries of the last 30 days, newest message first."`
	NextCursor string         `json:"next_cursor,omitempty"`
}

type deliveriesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         webhookDeliveries
}

type byID struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
}

type newWebhook struct {
	URL         string            `json:"url" maxLength:"500" doc:"Where messages are sent: https, and a host on the public internet." example:"https://example.org/hooks"`
	Description string            `json:"description,omitempty" maxLength:"200" doc:"A note for yourself." example:"Our mailing list"`
	Types       []webhookapi.Type `json:"types,omitempty" maxItems:"20" doc:"Types of messages that are sent. Empty or absent: all, also those that are added later." example:"[\"booking.booked\"]"`
}

type createIn struct {
	Body newWebhook
}

type webhookUpdate struct {
	URL         *string            `json:"url,omitempty" maxLength:"500" doc:"Where messages are sent." example:"https://example.org/hooks"`
	Description *string            `json:"description,omitempty" maxLength:"200" doc:"A note for yourself." example:"Our mailing list"`
	Types       *[]webhookapi.Type `json:"types,omitempty" maxItems:"20" doc:"Types of messages that are sent. Empty: all." example:"[\"booking.booked\"]"`
	Enabled     *bool              `json:"enabled,omitempty" doc:"Switches the webhook on or off." example:"true"`
}

type changeIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
	Body webhookUpdate
}

type webhookSecret struct {
	Secret string `json:"secret" doc:"The new secret. It is not shown again by the API." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

type secretOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         webhookSecret
}

type webhookTest struct {
	MessageID string `json:"message_id" doc:"Id of the message, as in the list of deliveries." example:"msg_test_0123456789abcdefghjkmnpqrs"`
}

type testOut struct {
	Body webhookTest
}

type webhookReplay struct {
	MessageID string     `json:"message_id,omitempty" maxLength:"100" doc:"One message, whatever has become of it. Absent: those that were given up." example:"msg_06a1b2c3d4e5f6g7-42"`
	Since     *time.Time `json:"since,omitempty" doc:"Of those that were given up, only what happened since then (RFC 3339)." example:"2026-12-01T09:00:00Z"`
}

type replayIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
	Body webhookReplay
}

type webhookReplayed struct {
	Count int `json:"count" doc:"Number of messages that are sent again, at most 10000." example:"12"`
}

type replayOut struct {
	Body webhookReplayed
}

type deliveriesIn struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the webhook." example:"06a1b2c3d4e5f6g7"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor string `query:"cursor" maxLength:"128" doc:"next_cursor of the previous page."`
}

func operation(id, method, path, summary, description string, status int, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Webhooks"}, Summary: summary, Description: description,
		DefaultStatus: status, MaxBodyBytes: maxBody, Errors: append([]int{401}, errors...)}
}

// forOrganizers is an operation with which only organizers change something: others are
// refused before their body is read.
func forOrganizers(op huma.Operation) huma.Operation {
	op.Metadata = route.Meta(route.Organizers)
	return op
}

const private = "private, no-store"

// Register adds the service's operations to the API, and the messages to its document.
func (s *Service) Register(api huma.API) {
	huma.Register(api, operation("list-webhooks", http.MethodGet, "/webhooks", "List your webhooks", "For organizers and admins: their own.", http.StatusOK, 403),
		func(ctx context.Context, _ *struct{}) (*webhooksOut, error) {
			list, err := s.Endpoints(ctx, caller.From(ctx))
			if err != nil {
				return nil, err
			}
			out := &webhooksOut{CacheControl: private}
			out.Body.Items = make([]webhookBody, len(list))
			for i := range list {
				out.Body.Items[i] = bodyOf(&list[i])
			}
			return out, nil
		})
	huma.Register(api, forOrganizers(operation("create-webhook", http.MethodPost, "/webhooks", "Create a webhook", "Sends messages about your events to a URL, from now on. They are signed by Standard Webhooks with the secret in this answer. The section on webhooks of this document describes them.", http.StatusCreated, 400, 403, 409, 422)),
		func(ctx context.Context, in *createIn) (*webhookOut, error) {
			e, secret, err := s.Create(ctx, caller.From(ctx), webhookapi.New{URL: in.Body.URL, Description: in.Body.Description, Types: in.Body.Types})
			if err != nil {
				return nil, err
			}
			out := &webhookOut{Status: http.StatusCreated, Location: "/webhooks/" + e.ID, CacheControl: private, Body: bodyOf(&e)}
			out.Body.Secret = secret.Value
			return out, nil
		})
	huma.Register(api, operation("get-webhook", http.MethodGet, "/webhooks/{id}", "Read a webhook", "For its organizer and admins.", http.StatusOK, 404),
		func(ctx context.Context, in *byID) (*webhookOut, error) {
			e, err := s.Endpoint(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &webhookOut{Status: http.StatusOK, CacheControl: private, Body: bodyOf(&e)}, nil
		})
	huma.Register(api, forOrganizers(operation("update-webhook", http.MethodPut, "/webhooks/{id}", "Change a webhook", "Fields that are left out stay as they are. While a webhook is off, no messages are made for it.", http.StatusOK, 400, 404, 409, 422)),
		func(ctx context.Context, in *changeIn) (*webhookOut, error) {
			e, err := s.Change(ctx, caller.From(ctx), in.ID, webhookapi.Change{URL: in.Body.URL, Description: in.Body.Description, Types: in.Body.Types, Enabled: in.Body.Enabled})
			if err != nil {
				return nil, err
			}
			return &webhookOut{Status: http.StatusOK, CacheControl: private, Body: bodyOf(&e)}, nil
		})
	huma.Register(api, operation("delete-webhook", http.MethodDelete, "/webhooks/{id}", "Delete a webhook", "Deletes it with its log. Messages that wait are not sent any more.", http.StatusNoContent, 404),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.Delete(ctx, caller.From(ctx), in.ID)
		})
	huma.Register(api, forOrganizers(operation("rotate-webhook-secret", http.MethodPost, "/webhooks/{id}/secret", "Make a new secret", "For 24 hours, messages are signed with the old and the new secret, so that you can replace it without losing one.", http.StatusCreated, 404, 409)),
		func(ctx context.Context, in *byID) (*secretOut, error) {
			secret, err := s.Rotate(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			out := &secretOut{CacheControl: private}
			out.Body.Secret = secret.Value
			return out, nil
		})
	s.registerLog(api)
	describe(api)
}

// registerLog adds the operations about what was sent.
func (s *Service) registerLog(api huma.API) {
	huma.Register(api, operation("list-webhook-deliveries", http.MethodGet, "/webhooks/{id}/deliveries", "List what was sent", "The deliveries of the last 30 days, with the last answer to each.", http.StatusOK, 404, 422),
		func(ctx context.Context, in *deliveriesIn) (*deliveriesOut, error) {
			list, next, err := s.Deliveries(ctx, caller.From(ctx), in.ID, in.Cursor, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &deliveriesOut{CacheControl: private}
			out.Body.NextCursor, out.Body.Items = next, make([]deliveryBody, len(list))
			for i := range list {
				d := &list[i]
				out.Body.Items[i] = deliveryBody{d.MessageID, d.Type, d.EventID, d.At, d.Status, d.Tries, codec.OrNil(d.NextAt), codec.OrNil(d.Last.At), d.Last.Status, d.Last.Failure}
			}
			return out, nil
		})
	huma.Register(api, forOrganizers(operation("test-webhook", http.MethodPost, "/webhooks/{id}/test", "Send a test message", "Sends a message of type webhook.test. The list of deliveries shows what became of it.", http.StatusAccepted, 404, 409)),
		func(ctx context.Context, in *byID) (*testOut, error) {
			messageID, err := s.SendTest(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			out := &testOut{}
			out.Body.MessageID = messageID
			return out, nil
		})
	huma.Register(api, forOrganizers(operation("replay-webhook", http.MethodPost, "/webhooks/{id}/replay", "Send messages again", "One message, or all that were given up. They keep their webhook-id, and get all their attempts again.", http.StatusAccepted, 400, 404, 409, 422)),
		func(ctx context.Context, in *replayIn) (*replayOut, error) {
			r := webhookapi.Replay{MessageID: in.Body.MessageID}
			if in.Body.Since != nil {
				r.Since = *in.Body.Since
			}
			n, err := s.Replay(ctx, caller.From(ctx), in.ID, r)
			if err != nil {
				return nil, err
			}
			out := &replayOut{}
			out.Body.Count = n
			return out, nil
		})
}
