package payment

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/quick"
)

// maxBody bounds the bodies of payments; a request has about a hundred bytes.
const maxBody = 4 << 10

// response is the answer of every operation.
type response struct {
	Status     int
	Location   string `header:"Location"`
	ETag       string `header:"ETag"`
	RetryAfter string `header:"Retry-After"`
	Body       paymentapi.Payment
}

// respond answers with a payment: with status done if it is final, else with 202 and
// its address.
func respond(p paymentapi.Payment, err error, done int) (*response, error) {
	if err != nil {
		return nil, err
	}
	r := &response{Status: done, ETag: etag(&p), Body: p}
	if !p.Status.Final() {
		r.Status, r.RetryAfter = http.StatusAccepted, "1"
	}
	if r.Status != http.StatusOK {
		r.Location = "/payments/" + p.ID
	}
	return r, nil
}

// etag covers all that is shown of a payment. It includes the attempt, because a
// booking's latest payment may be another one with the same version.
func etag(p *paymentapi.Payment) string {
	return `"` + strconv.FormatInt(p.Version, 10) + "." + strconv.FormatInt(p.Attempt(), 10) + `"`
}

type payInput struct {
	Key  string `header:"Idempotency-Key" doc:"A value of your choice, up to 255 characters. The same request with the same key is carried out only once."`
	Lang string `header:"Accept-Language" doc:"Preferred language of emails about the order. English and German are available. Default: the account's." example:"de"`
	Body paymentapi.PayRequest
}

type idInput struct {
	ID string `path:"id"`
}

type bookingInput struct {
	BookingID string `path:"booking_id"`
}

type bookingIDInput struct {
	ID string `path:"id"`
}

type listInput struct {
	ID     string `path:"id" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor string `query:"cursor" maxLength:"64" doc:"next_cursor of the previous page."`
}

type pageResponse struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items      []paymentapi.Payment `json:"items"`
		NextCursor string               `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Absent on the last page."`
	}
}

type amendInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"ETag of the payment as you last read it. If it has changed since, the answer is 412."`
	Body    struct {
		Method string `json:"method" doc:"Another token of the payment gateway, never a card number; as when paying." example:"checkout"`
	}
}

type voidInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"ETag of the payment as you last read it. If it has changed since, the answer is 412."`
}

// later adds to an operation the 202 answer for payments that are still under way.
func later(api huma.API, op huma.Operation) huma.Operation {
	op.Responses = map[string]*huma.Response{"202": {Description: "Accepted", Content: map[string]*huma.MediaType{"application/json": {
		Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[paymentapi.Payment](), true, "Body")}}}}
	return op
}

// forReaders says who may read a payment.
const forReaders = "For the booking's owner, the event's organizer and admins."

// says sets an operation's description.
func says(text string, op huma.Operation) huma.Operation {
	op.Description = text
	return op
}

func operation(id, method, path, summary string, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Payments"},
		MaxBodyBytes: maxBody, Errors: append([]int{401, 404, 422}, errors...),
	}
}

func (s *Service) postPayment(ctx context.Context, in *payInput) (*response, error) {
	who := caller.From(ctx)
	if in.Lang != "" {
		ctx = caller.Speaking(ctx, in.Lang) // a hot request's context does not have it
	}
	p, err := s.Pay(ctx, who, in.Key, in.Body)
	return respond(p, err, http.StatusCreated)
}

// Register adds the payment operations to the API.
func (s *Service) Register(api huma.API) {
	pay := operation("pay", http.MethodPost, "/payments", "Pay for a booking", 400, 402, 403, 409, 413, 429, 503)
	pay.DefaultStatus = http.StatusCreated
	pay.Description = "Answers 201 when the booking is paid, or 202 with a Location when that takes longer. " +
		"A booking that costs nothing is booked at once, with the method none. If the request has an amount, no other amount is charged: if another request has already paid another amount, this one is answered 409 already-paid, with payment_id and amount, also when it is sent again. 402: the payment was declined; you can try again with a new payment. 409: the booking could not be completed, and no money was kept."
	quick.Register(api, later(api, pay), s.postPayment)
	read := func(p paymentapi.Payment, err error) (*response, error) {
		r, err := respond(p, err, http.StatusOK)
		if r != nil {
			r.Status, r.Location, r.RetryAfter = http.StatusOK, "", ""
		}
		return r, err
	}
	huma.Register(api, says(forReaders, operation("get-payment", http.MethodGet, "/payments/{id}", "Read a payment")),
		func(ctx context.Context, in *idInput) (*response, error) {
			return read(s.Payment(ctx, caller.From(ctx), in.ID))
		})
	quick.Register(api, says(forReaders, operation("get-payment-of-booking", http.MethodGet, "/payments/booking/{booking_id}", "Read a booking's latest payment")),
		func(ctx context.Context, in *bookingInput) (*response, error) {
			return read(s.OfBooking(ctx, caller.From(ctx), in.BookingID))
		})
	huma.Register(api, says(forReaders+" The same as /payments/booking/{booking_id}.", operation("get-booking-payment", http.MethodGet, "/bookings/{id}/payment", "Read a booking's latest payment")),
		func(ctx context.Context, in *bookingIDInput) (*response, error) {
			return read(s.OfBooking(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, later(api, says("Continues the payment with the new method. Possible until the payment is authorized. 200: it is done. 202: it takes longer.",
		operation("amend-payment", http.MethodPut, "/payments/{id}", "Change the method of a payment", 400, 402, 403, 409, 412, 413, 429, 503))),
		func(ctx context.Context, in *amendInput) (*response, error) {
			version, err := s.expected(ctx, in.IfMatch, in.ID)
			if err != nil {
				return nil, err
			}
			p, err := s.Amend(ctx, caller.From(ctx), in.ID, in.Body.Method, version)
			return respond(p, err, http.StatusOK)
		})
	huma.Register(api, later(api, says("A payment that has not taken money yet is voided. A captured payment is refunded, and its seats are cancelled. 202: it is given up for good, which the payment's status shows at once (voiding, taking_back or returning), but the payment gateway has not answered within a moment, or the refund is not finished yet. It goes on by itself, for as long as the gateway is silent; GET /payments/{id} shows when it is over. Sending the request again changes nothing.",
		operation("void-payment", http.MethodDelete, "/payments/{id}", "Void or refund a payment", 403, 409, 412, 503))),
		func(ctx context.Context, in *voidInput) (*response, error) {
			version, err := s.expected(ctx, in.IfMatch, in.ID)
			if err != nil {
				return nil, err
			}
			p, err := s.Void(ctx, caller.From(ctx), in.ID, version)
			r, err := respond(p, err, http.StatusOK)
			if err == nil && owes(&p) { // the refund is under way
				r.Status, r.RetryAfter, r.Location = http.StatusAccepted, "1", "/payments/"+p.ID
			}
			return r, err
		})
	s.registerStory(api)
	s.registerLists(api)
	s.registerRefundJobs(api)
	s.notices.Register(api)
}

type storyResponse struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items   []paymentapi.Posting `json:"items"`
		LeftOut bool                 `json:"left_out,omitempty" doc:"Something was left out, since too much would have to be read"`
	}
}

// registerStory adds the journal of a payment.
func (s *Service) registerStory(api huma.API) {
	huma.Register(api, says("All that happened to the payment, oldest first: what was learned from the payment gateway and about the booking, who asked for it, and the money that each step moved between accounts. Debits are above 0, credits below; the lines of a step add up to 0. A step that moves no money has none. "+forReaders,
		operation("get-payment-journal", http.MethodGet, "/payments/{id}/journal", "Read the journal of a payment")),
		func(ctx context.Context, in *idInput) (*storyResponse, error) {
			list, whole, err := s.Story(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			r := &storyResponse{CacheControl: "private, no-store"}
			r.Body.Items, r.Body.LeftOut = append([]paymentapi.Posting{}, list...), !whole
			return r, nil
		})
}

// expected returns the version that the If-Match header of a change requires.
func (s *Service) expected(ctx context.Context, ifMatch, paymentID string) (int64, error) {
	return errs.Expected(ifMatch, "payment", func() (int64, error) {
		p, err := s.Payment(ctx, caller.From(ctx), paymentID)
		return p.Version, err
	})
}

// registerLists adds the lists of payments.
func (s *Service) registerLists(api huma.API) {
	page := func(list []paymentapi.Payment, err error, limit int) (*pageResponse, error) {
		if err != nil {
			return nil, err
		}
		r := &pageResponse{CacheControl: "private, no-store"}
		if len(list) > limit {
			list = list[:limit]
			r.Body.NextCursor = list[limit-1].ID
		}
		r.Body.Items = list
		if list == nil {
			r.Body.Items = []paymentapi.Payment{}
		}
		return r, nil
	}
	list := operation("list-user-payments", http.MethodGet, "/users/{id}/payments", "List a user's payments")
	list.Description = "For the user and admins, in the order of their bookings."
	huma.Register(api, list, func(ctx context.Context, in *listInput) (*pageResponse, error) {
		p, err := s.OfUser(ctx, caller.From(ctx), in.ID, in.Cursor, in.Limit+1)
		return page(p, err, in.Limit)
	})
	list = operation("list-event-payments", http.MethodGet, "/events/{id}/payments", "List an event's payments")
	list.Description = "For its organizer and admins, in the order of their bookings."
	huma.Register(api, list, func(ctx context.Context, in *listInput) (*pageResponse, error) {
		p, err := s.OfEvent(ctx, caller.From(ctx), in.ID, in.Cursor, in.Limit+1)
		return page(p, err, in.Limit)
	})
}
