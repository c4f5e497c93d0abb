package payment

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/route"
)

type jobInput struct {
	ID     string `path:"id" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor string `query:"cursor" maxLength:"18" pattern:"^[0-9]*$" doc:"next_cursor of the previous page."`
}

type changeJobInput struct {
	ID      string `path:"id" maxLength:"64"`
	IfMatch string `header:"If-Match" doc:"ETag of the refunds as you last read them. If they were paused or resumed since, the answer is 412."`
	Body    struct {
		State string `json:"state" enum:"running,paused" doc:"paused: nothing more is refunded until you resume. Refunds that the payment gateway is just making are finished." example:"paused"`
		Retry bool   `json:"retry_failed,omitempty" doc:"Try refunds that have failed again, but for those that are handled. None is made twice."`

		Handled *handledInput `json:"handled,omitempty" doc:"A refund that has failed, and whose money you have given back in another way. It is not tried again."`
	}
}

type handledInput struct {
	ID   string `json:"id" maxLength:"100" doc:"Id of the refund, as in items."`
	Note string `json:"note" maxLength:"500" doc:"How you have given the money back. Empty: you have not, after all." example:"Bank transfer, 3 March"`
}

type jobResponse struct {
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Body         jobBody
}

type jobBody struct {
	paymentapi.RefundJob
	ChangedAt  *time.Time `json:"changed_at,omitempty" doc:"When the refunds were last paused or resumed. Absent: never."`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page of items. Absent on the last page."`
}

// registerRefundJobs adds the refunds of an event, as a job.
func (s *Service) registerRefundJobs(api huma.API) {
	huma.Register(api, says("How far the refunds of an event have got, with those that have failed or are delayed, and why. For the event's organizer and admins.",
		operation("get-event-refunds", http.MethodGet, "/events/{id}/refunds", "Read the refunds of an event")),
		func(ctx context.Context, in *jobInput) (*jobResponse, error) {
			after, _ := strconv.ParseInt(in.Cursor, 10, 64) // "" is the beginning
			return jobAnswer(s.RefundJob(ctx, caller.From(ctx), in.ID, after, in.Limit))
		})
	change := operation("change-event-refunds", http.MethodPut, "/events/{id}/refunds", "Pause or resume the refunds of an event", 400, 409, 412, 413, 503)
	change.Metadata = route.Meta(route.Organizers)
	huma.Register(api, says("Pauses the refunds of a cancelled event before the next one, or resumes them. The state is kept across restarts and holds on all nodes. For the event's organizer and admins.", change),
		func(ctx context.Context, in *changeJobInput) (*jobResponse, error) {
			version, err := errs.Expected(in.IfMatch, "job", func() (int64, error) {
				j, err := s.RefundJob(ctx, caller.From(ctx), in.ID, 0, 1)
				return j.Version, err
			})
			if err != nil {
				return nil, err
			}
			c := paymentapi.RefundJobChange{Paused: in.Body.State == "paused", Retry: in.Body.Retry, Version: version}
			if h := in.Body.Handled; h != nil {
				seq, _, ours := refundSeq(in.ID, h.ID)
				if !ours {
					return nil, errs.Missing("refund")
				}
				c.Handled = &paymentapi.HandledRefund{Seq: seq, Note: strings.TrimSpace(h.Note)}
			}
			return jobAnswer(s.ChangeRefundJob(ctx, caller.From(ctx), in.ID, c))
		})
}

func jobAnswer(j paymentapi.RefundJob, err error) (*jobResponse, error) {
	if err != nil {
		return nil, err
	}
	r := &jobResponse{CacheControl: "private, no-store", Body: jobBody{RefundJob: j}}
	if j.ChangedAt > 0 {
		at := time.UnixMicro(j.ChangedAt).UTC()
		r.Body.ChangedAt = &at
	}
	if j.Next > 0 {
		r.Body.NextCursor = strconv.FormatInt(j.Next, 10)
	}
	raw, err := codec.Marshal(r.Body)
	r.ETag = errs.ETag(j.Version, raw)
	return r, err
}
