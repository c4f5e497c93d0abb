package notices

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/route"
)

const (
	maxBody    = 64 << 10 // bytes; messages have a few thousand
	maxID      = 255      // bytes of a message's id
	maxCharges = 100      // in one message
	atOnce     = 64       // signatures that are checked at the same time
)

// path is the address that gateways call.
const path = "/payments/webhooks/{provider}"

// Outcomes of messages, for the metrics.
const (
	outcomeStored     = "stored"
	outcomeForged     = "forged"
	outcomeUnreadable = "unreadable"
	outcomeAgain      = "again"
	outcomeForeign    = "foreign"
)

// input is a message as it comes: the signature is over the raw body.
type input struct {
	Provider string `path:"provider" maxLength:"40" doc:"Name of the payment gateway, as in --payments."`
	RawBody  []byte `contentType:"application/json"`

	header http.Header
}

// Resolve implements huma.Resolver: gateways sign in headers of their own.
func (in *input) Resolve(ctx huma.Context) []error {
	in.header = http.Header{}
	ctx.EachHeader(func(name, value string) { in.header.Add(name, value) })
	return nil
}

// Register adds the operation that gateways call.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "receive-payment-notice", Method: http.MethodPost, Path: path, Summary: "Receive a message of a payment gateway",
		Tags: []string{"Payments"}, MaxBodyBytes: maxBody, DefaultStatus: http.StatusNoContent, Errors: []int{400, 403, 404, 413, 503},
		Description: "The address of webhooks for the payment gateway's settings. The message must have the gateway's signature, not older than five minutes. " +
			"It is only a hint: the gateway is asked about the payments that it names. So messages may come in any order, more than once, or not at all. 204: it is stored, or was before, or is not about payments of this ticket office.",
		SkipValidateBody: true, // the signature is checked first, over the body as it came
		Metadata:         route.Meta(route.Probe, route.Uncounted, route.LongNumbers),
	}, func(ctx context.Context, in *input) (*struct{}, error) {
		return nil, s.receive(ctx, in.Provider, in.header, in.RawBody)
	})
	// It is JSON of the gateway's own shape, although it is taken as it comes.
	api.OpenAPI().Paths[path].Post.RequestBody.Content["application/json"].Schema = &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Description: "The message as the gateway writes it.",
	}
}

// receive takes a message.
func (s *Service) receive(ctx context.Context, name string, header http.Header, body []byte) error {
	if s.gateway == nil || name != s.provider {
		return errs.New(errs.NotFound, "not-found", "There is no payment gateway %q here that sends messages.", name)
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return errs.New(errs.Unavailable, "busy", "Too many messages at once; please send it again.").After(time.Second)
	}
	got, err := s.gateway.Notice(ctx, header, body, s.now())
	switch {
	case errors.Is(err, provider.ErrForged):
		s.metrics.received.WithLabelValues(outcomeForged).Inc()
		return errs.New(errs.Forbidden, "bad-signature", "The message has no valid signature of the payment gateway, or an old one.")
	case err != nil:
		return s.unreadable(ctx, err)
	}
	n, err := s.about(&got)
	if err != nil {
		return s.unreadable(ctx, err)
	}
	if len(n.payments) == 0 {
		s.metrics.received.WithLabelValues(outcomeForeign).Inc()
		return nil
	}
	fresh, err := s.take(ctx, &n, s.now())
	switch {
	case err != nil:
		return err
	case !fresh:
		s.metrics.received.WithLabelValues(outcomeAgain).Inc()
		return nil
	}
	s.metrics.received.WithLabelValues(outcomeStored).Inc()
	s.handle(n)
	return nil
}

// unreadable refuses a message that is signed, and cannot be used.
func (s *Service) unreadable(ctx context.Context, err error) error {
	s.metrics.received.WithLabelValues(outcomeUnreadable).Inc()
	s.log.WarnContext(ctx, "a message of the payment gateway cannot be read", "error", err)
	return &errs.Error{Kind: errs.Malformed, Type: "unreadable-notice", Detail: "The message is signed, but cannot be read.", Err: err}
}

// about is what a message is about: payments of ours, each once.
func (s *Service) about(got *provider.Notice) (n notice, err error) {
	if got.ID == "" || len(got.ID) > maxID || !utf8.ValidString(got.ID) || strings.IndexByte(got.ID, 0) >= 0 {
		return n, errors.New("its id is missing, too long or not text")
	}
	if len(got.Charges) > maxCharges {
		return n, errors.New("it names too many charges")
	}
	n.provider, n.id, n.echo = s.provider, got.ID, got.Echo
	seen := map[string]bool{}
	for _, charge := range got.Charges {
		payment, _, _ := strings.Cut(charge, ".")
		booking, attempt, ok := strings.Cut(payment, "-")
		event := id.Event(booking)
		if !ok || event == "" || attempt == "" || len(attempt) > 4 || strings.Trim(attempt, "0123456789") != "" || seen[payment] {
			continue // others use the same account at the gateway
		}
		seen[payment] = true
		if n.event == "" {
			n.event = event
		}
		n.payments = append(n.payments, payment)
	}
	return n, nil
}
