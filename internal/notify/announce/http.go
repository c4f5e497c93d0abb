package announce

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/route"
)

// maxBody bounds the bodies of requests: four bytes a character, escaped.
const maxBody = 64 << 10

// announcementBody is an announcement as clients see it.
type announcementBody struct {
	ID        string               `json:"id" example:"06a1b2c3d4e5f6g7"`
	EventID   string               `json:"event_id"`
	Subject   string               `json:"subject" doc:"The first part of the emails' subject; the event's title follows." example:"Doors open at 6"`
	Text      string               `json:"text" doc:"What the emails say, in plain text." example:"Because of the snow we open earlier."`
	Status    string               `json:"status" enum:"draft,sending,sent,stopped" doc:"draft: nobody got it yet. sending: emails are being sent. sent: all were sent or given up. stopped: the rest is not sent." example:"sending"`
	Version   int64                `json:"version" doc:"Number that grows with each change of the draft." example:"1"`
	AuthorID  string               `json:"author_id" doc:"Id of the account that made the draft." example:"06a1b2c3d4e5f6g7"`
	SenderID  string               `json:"sender_id,omitempty" doc:"Id of the account that sent it." example:"06a1b2c3d4e5f6g7"`
	CreatedAt time.Time            `json:"created_at"`
	SentAt    *time.Time           `json:"sent_at,omitempty" doc:"When it was sent (RFC 3339, UTC)." example:"2026-12-01T09:00:00Z"`
	Progress  *announcementMailing `json:"progress,omitempty" doc:"What has become of the emails. Absent for drafts, and 90 days after the end."`
}

type announcementMailing struct {
	Complete bool  `json:"complete" doc:"Whether all recipients are known. Until then, the numbers grow." example:"true"`
	Total    int64 `json:"total" doc:"Number of recipients: email addresses of people with tickets." example:"812"`
	Waiting  int64 `json:"waiting" doc:"Number of emails that are still to be sent." example:"12"`
	Sent     int64 `json:"sent" doc:"Number of emails that the mail server has taken." example:"790"`
	Failed   int64 `json:"failed" doc:"Number of emails that could not be delivered." example:"3"`
	Unwanted int64 `json:"unwanted" doc:"Number of recipients who have unsubscribed." example:"7"`
	Stopped  int64 `json:"stopped" doc:"Number of emails that were not sent because the announcement was stopped." example:"0"`
}

func bodyOf(a *notifyapi.EventAnnouncement) announcementBody {
	b := announcementBody{ID: a.ID, EventID: a.EventID, Subject: a.Subject, Text: a.Text, Status: a.Status(), Version: a.Version, AuthorID: a.AuthorID, SenderID: a.SenderID, CreatedAt: a.Created.UTC()}
	if !a.Sent.IsZero() {
		at := a.Sent.UTC()
		b.SentAt = &at
	}
	if p := a.Progress; p != nil {
		n := p.Numbers()
		b.Progress = &announcementMailing{p.Complete, p.Total, n.Waiting, n.Sent, n.Failed, n.Unwanted, n.Stopped}
	}
	return b
}

type announcementOut struct {
	Status       int
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         announcementBody
}

func answer(status int, a notifyapi.EventAnnouncement, err error) (*announcementOut, error) {
	if err != nil {
		return nil, err
	}
	out := &announcementOut{Status: status, CacheControl: private, Body: bodyOf(&a)}
	if status == http.StatusCreated {
		out.Location = "/events/" + a.EventID + "/announcements/" + a.ID
	}
	return out, nil
}

type announcementList struct {
	Items []announcementBody `json:"items" doc:"The announcements, newest first."`
}

type announcementsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         announcementList
}

type announcementPreview struct {
	Subject string `json:"subject" doc:"The subject of the emails." example:"Doors open at 6 (Night of the Violins)"`
	Text    string `json:"text" doc:"The email as plain text. Each recipient's has their name, and a link to unsubscribe." example:"Hello,…"`
	HTML    string `json:"html" doc:"The email as a page." example:"<!doctype html>…"`
}

type previewOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         announcementPreview
}

type announcementText struct {
	Subject string `json:"subject" maxLength:"100" doc:"One line. The event's title follows it in the emails' subject." example:"Doors open at 6"`
	Text    string `json:"text" maxLength:"5000" doc:"Plain text; empty lines separate paragraphs. Up to three complete addresses that begin with https:// become links." example:"Because of the snow we open earlier."`
}

type announcementSending struct {
	Version int64 `json:"version" minimum:"1" doc:"The version that you have read. If the draft has changed since, the answer is 412." example:"1"`
}

type byEvent struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
}

type one struct {
	ID           string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Announcement string `path:"announcement_id" maxLength:"64" doc:"Id of the announcement." example:"06a1b2c3d4e5f6g7"`
}

type draftIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Body announcementText
}

type changeIn struct {
	ID           string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Announcement string `path:"announcement_id" maxLength:"64" doc:"Id of the announcement." example:"06a1b2c3d4e5f6g7"`
	Body         announcementText
}

type sendIn struct {
	ID           string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Announcement string `path:"announcement_id" maxLength:"64" doc:"Id of the announcement." example:"06a1b2c3d4e5f6g7"`
	Body         announcementSending
}

const (
	private = "private, no-store"
	all     = "/events/{id}/announcements"
	single  = all + "/{announcement_id}"
)

func operation(id, method, path, summary, description string, status int, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Announcements"}, Summary: summary, Description: description,
		DefaultStatus: status, MaxBodyBytes: maxBody, Errors: append([]int{401, 404}, errors...)}
}

// with gives an operation traits.
func with(op huma.Operation, traits ...route.Traits) huma.Operation {
	op.Metadata = route.Meta(traits...)
	return op
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	huma.Register(api, operation("list-announcements", http.MethodGet, all, "List announcements", "For the event's organizer and admins.", http.StatusOK),
		func(ctx context.Context, in *byEvent) (*announcementsOut, error) {
			list, err := s.Announcements(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			out := &announcementsOut{CacheControl: private, Body: announcementList{make([]announcementBody, len(list))}}
			for i := range list {
				out.Body.Items[i] = bodyOf(&list[i])
			}
			return out, nil
		})
	huma.Register(api, with(operation("create-announcement", http.MethodPost, all, "Draft an announcement", "A message to everybody who has tickets for the event. Nobody gets it before it is sent.", http.StatusCreated, 400, 409, 422), route.Organizers),
		func(ctx context.Context, in *draftIn) (*announcementOut, error) {
			a, err := s.Draft(ctx, caller.From(ctx), in.ID, notifyapi.AnnouncementText(in.Body))
			return answer(http.StatusCreated, a, err)
		})
	huma.Register(api, operation("get-announcement", http.MethodGet, single, "Read an announcement", "With what has become of its emails, if it was sent.", http.StatusOK),
		func(ctx context.Context, in *one) (*announcementOut, error) {
			a, err := s.Announcement(ctx, caller.From(ctx), in.ID, in.Announcement)
			return answer(http.StatusOK, a, err)
		})
	huma.Register(api, operation("preview-announcement", http.MethodGet, single+"/preview", "Read an announcement as its recipients do", "As it was sent or, of a draft, would be sent now, without the recipient's name and links.", http.StatusOK),
		func(ctx context.Context, in *one) (*previewOut, error) {
			p, err := s.PreviewAnnouncement(ctx, caller.From(ctx), in.ID, in.Announcement)
			if err != nil {
				return nil, err
			}
			return &previewOut{CacheControl: private, Body: announcementPreview(p)}, nil
		})
	huma.Register(api, with(operation("update-announcement", http.MethodPut, single, "Change a draft", "Sets subject and text.", http.StatusOK, 400, 409, 422), route.Organizers),
		func(ctx context.Context, in *changeIn) (*announcementOut, error) {
			a, err := s.ChangeDraft(ctx, caller.From(ctx), in.ID, in.Announcement, notifyapi.AnnouncementText(in.Body))
			return answer(http.StatusOK, a, err)
		})
	huma.Register(api, operation("delete-announcement", http.MethodDelete, single, "Delete a draft", "What was sent cannot be deleted.", http.StatusNoContent, 409),
		func(ctx context.Context, in *one) (*struct{}, error) {
			return nil, s.DropDraft(ctx, caller.From(ctx), in.ID, in.Announcement)
		})
	s.registerSending(api)
}

// registerSending adds the operations that send mails.
func (s *Service) registerSending(api huma.API) {
	huma.Register(api, with(operation("test-announcement", http.MethodPost, single+"/test", "Send it to yourself", "Emails the announcement to your own address, which must be verified. The same text is sent once a minute.", http.StatusAccepted, 403, 429, 503), route.Organizers, route.Entry),
		func(ctx context.Context, in *one) (*struct{}, error) {
			return nil, s.TestAnnouncement(ctx, caller.From(ctx), in.ID, in.Announcement)
		})
	huma.Register(api, with(operation("send-announcement", http.MethodPost, single+"/send", "Send an announcement", "Emails it to everybody who has tickets for the event now, complimentary ones included: once to each address, except those that have unsubscribed. For one event at most three announcements can be sent in 24 hours, by one organizer at most ten. Your own address must be verified. Sending it again changes nothing.", http.StatusOK, 400, 403, 409, 412, 422, 429, 503), route.Organizers, route.Entry),
		func(ctx context.Context, in *sendIn) (*announcementOut, error) {
			a, err := s.SendAnnouncement(ctx, caller.From(ctx), in.ID, in.Announcement, in.Body.Version)
			return answer(http.StatusOK, a, err)
		})
	huma.Register(api, with(operation("stop-announcement", http.MethodPost, single+"/stop", "Stop an announcement", "What is not sent yet is not sent, but for the emails of about a second. If it is over, nothing changes.", http.StatusOK, 409), route.Organizers),
		func(ctx context.Context, in *one) (*announcementOut, error) {
			a, err := s.StopAnnouncement(ctx, caller.From(ctx), in.ID, in.Announcement)
			return answer(http.StatusOK, a, err)
		})
}
