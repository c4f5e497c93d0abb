package notify

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/errs"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/route"
)

const (
	mostReported = 16 << 10 // bytes of a provider's call
	formType     = "application/x-www-form-urlencoded"
)

// textStatusIn is a provider's call as it comes: the signature is over the address and
// all parameters of the form.
type textStatusIn struct {
	Notice    string `query:"notice" maxLength:"400" doc:"The message as this ticket office names it; it is part of the address that the provider was given."`
	Signature string `header:"X-Twilio-Signature" doc:"The provider's signature: the Base64 of an HMAC-SHA1, made with the auth token, of the address and of the form's parameters."`
	RawBody   []byte `contentType:"application/x-www-form-urlencoded"`
}

// RegisterTextStatus adds the operation that the provider of text messages calls. s is nil
// on nodes that send nothing.
func RegisterTextStatus(api huma.API, s *Service) {
	huma.Register(api, huma.Operation{
		OperationID: "receive-text-status", Method: http.MethodPost, Path: sms.StatusPath, Summary: "Receive what became of a text message",
		Tags: []string{"Texts"}, MaxBodyBytes: mostReported, DefaultStatus: http.StatusNoContent, Errors: []int{400, 403, 404, 413, 503},
		Description: "The address that the provider of text messages calls about each message; it is given the address with the message. The call must have the provider's signature. " +
			"Calls may come in any order, more than once, or not at all. 204: it is recorded, was before, or is not about a message of this ticket office. 404: this ticket office sends no text messages.",
		SkipValidateBody: true, // the signature is over the form as it came
		Metadata:         route.Meta(route.Probe, route.Uncounted, route.LongNumbers),
	}, func(ctx context.Context, in *textStatusIn) (*struct{}, error) {
		return nil, s.textStatus(ctx, in)
	})
	text := func(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }
	api.OpenAPI().Paths[sms.StatusPath].Post.RequestBody.Content[formType].Schema = &huma.Schema{
		Type: huma.TypeObject, Description: "The form as Twilio sends it. Other parameters are signed and otherwise ignored.",
		Properties: map[string]*huma.Schema{
			"MessageSid":    text("Id of the message at the provider."),
			"MessageStatus": text("What has become of it: such as sent, delivered, undelivered or failed."),
			"ErrorCode":     text("The provider's number for why it was not delivered."),
		},
	}
}

// textStatus records what a provider's call says.
func (s *Service) textStatus(ctx context.Context, in *textStatusIn) error {
	if s == nil || s.cfg.Texts == nil {
		return errs.New(errs.NotFound, "not-found", "This ticket office sends no text messages.")
	}
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil {
		return errs.New(errs.Malformed, "bad-request", "The form cannot be read.")
	}
	r, ok := s.cfg.Texts.Sender.Report(in.Notice, form, in.Signature)
	if !ok {
		return errs.New(errs.Forbidden, "bad-signature", "The call has no valid signature of the provider of text messages.")
	}
	if err := s.store.heardOfText(ctx, in.Notice, r, s.cfg.Now()); err != nil {
		return err
	}
	switch {
	case r.Status.Delivered():
		s.metrics.texts.WithLabelValues("delivered").Inc()
	case r.Status.Lost():
		s.metrics.texts.WithLabelValues("lost").Inc()
	}
	return nil
}
