package desk

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
)

// Events reads events, whoever may see them.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
}

// Mailings are messages to all who have tickets; see notifyapi.Mailings.
type Mailings interface {
	MailingsOf(ctx context.Context, eventID string) ([]notifyapi.Progress, error)
}

// Mailings returns the mailings of an event; see notifyapi.Desk.
func (d *Desk) Mailings(ctx context.Context, c caller.Caller, eventID string) ([]notifyapi.Progress, error) {
	if !c.SignedIn() {
		return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	found, err := d.cfg.Events.Events(ctx, []string{eventID})
	if err != nil {
		return nil, err
	}
	if e, ok := found[eventID]; !ok || !c.MayOrganize(e.OrganizerID) {
		return nil, errs.Missing("event")
	}
	if d.cfg.Mailings == nil {
		return nil, nil
	}
	return d.cfg.Mailings.MailingsOf(ctx, eventID)
}

// mailingBody is a mailing as clients see it.
type mailingBody struct {
	ID        string                 `json:"id" example:"reminder/06a1b2c3d4e5f6g7/1804876200"`
	Kind      notifyapi.Kind         `json:"kind" doc:"What is told: event-moved, event-cancelled, reminder, announcement, and others that may be added." example:"event-moved"`
	Status    notifyapi.MailingState `json:"status" enum:"running,stopped,done" doc:"running: emails or text messages are being sent. stopped: what was not sent then is not sent. done: all were sent or given up." example:"running"`
	Complete  bool                   `json:"complete" doc:"Whether all recipients are known. Until then the numbers grow. People who were still paying when it began are added two hours later." example:"true"`
	Total     int64                  `json:"total" doc:"Number of emails." example:"812"`
	Waiting   int64                  `json:"waiting" doc:"Number of those that are still to be sent." example:"12"`
	Sent      int64                  `json:"sent" doc:"Number of those that the mail server has taken." example:"790"`
	Failed    int64                  `json:"failed" doc:"Number of those that were given up, or came back." example:"3"`
	Stopped   int64                  `json:"stopped" doc:"Number of those that were stopped before they were sent." example:"0"`
	Unwanted  int64                  `json:"unwanted" doc:"Number of recipients who have unsubscribed from such emails." example:"7"`
	CreatedAt time.Time              `json:"created_at"`
	BeginsAt  *time.Time             `json:"begins_at,omitempty" doc:"When it begins, so that several changes of an event are told together (RFC 3339, UTC). Absent: it has begun." example:"2026-12-01T09:10:00Z"`
	EndedAt   *time.Time             `json:"ended_at,omitempty" doc:"Since when nothing is left to be sent (RFC 3339, UTC). Absent: something is." example:"2026-12-01T09:00:30Z"`
}

type mailingList struct {
	Items []mailingBody `json:"items" doc:"The mailings that began or ended within the last 90 days, newest first."`
}

type mailingsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         mailingList
}

type mailingsIn struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
}

// registerMailings adds the operation about mailings to the API.
func (d *Desk) registerMailings(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-event-mailings", Method: http.MethodGet, Path: "/events/{id}/mailings", Tags: []string{"Events"}, DefaultStatus: http.StatusOK,
		Summary: "List emails to everybody with tickets", Description: "Messages to all who have tickets for an event, with their progress: that it was moved or cancelled, reminders, announcements. For the event's organizer and admins.",
		Errors: []int{401, 404},
	}, func(ctx context.Context, in *mailingsIn) (*mailingsOut, error) {
		list, err := d.Mailings(ctx, caller.From(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		out := &mailingsOut{CacheControl: private, Body: mailingList{Items: make([]mailingBody, len(list))}}
		for i := range list {
			p, n := &list[i], list[i].Numbers()
			out.Body.Items[i] = mailingBody{p.ID, p.Kind, p.State, p.Complete, p.Total, n.Waiting, n.Sent, n.Failed, n.Stopped, n.Unwanted, p.Created.UTC(), codec.OrNil(p.Begins.UTC()), codec.OrNil(p.Ended.UTC())}
		}
		return out, nil
	})
}
