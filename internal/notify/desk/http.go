package desk

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/route"
)

// lineBody is a line of the log as clients see it.
type lineBody struct {
	ID        string          `json:"id" doc:"Id of the notice." example:"booked/06a1b2c3d4e5f6g7"`
	Kind      notifyapi.Kind  `json:"kind" doc:"What was told: booked, gift, and others that may be added." example:"booked"`
	Email     string          `json:"email" doc:"Address that it was sent to; of a text message the beginning and the end of the number. Empty: its owner has deleted the account." example:"ada@example.org"`
	Channel   string          `json:"channel" enum:"email,sms" doc:"Whether it is an email or a text message." example:"email"`
	Status    notifyapi.State `json:"status" doc:"queued: it is sent soon, or tried again. sent: the mail server has taken it. failed: given up, or it came back. bounced: nobody has the address. stopped: it waited for an address that was corrected, or the organizer has stopped it. unwanted: the recipient has unsubscribed. delivered: the phone has the text message. More may be added." example:"sent"`
	Answer    string          `json:"answer,omitempty" doc:"The mail server's last answer, or why there is none." example:"250 2.0.0 queued as 4cX1"`
	Attempts  int             `json:"attempts" doc:"Number of attempts so far." example:"1"`
	CreatedAt time.Time       `json:"created_at"`
	NextAt    *time.Time      `json:"next_at,omitempty" doc:"Of a queued one: when it is tried next (RFC 3339, UTC)." example:"2026-12-01T09:00:15Z"`
	EndedAt   *time.Time      `json:"ended_at,omitempty" doc:"Of another: since when it has this status (RFC 3339, UTC)." example:"2026-12-01T09:00:01Z"`
}

type orderNotices struct {
	Email       string     `json:"email" doc:"Address that emails about the booking go to now. Empty: none is known." example:"ada@example.org"`
	Correctable bool       `json:"correctable" doc:"Whether the event's organizer may correct the address: of a gift without an account, and of a guest who has not confirmed it." example:"false"`
	Items       []lineBody `json:"items" doc:"What was told within the last 90 days, newest first, at most 100."`
}

type noticesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         orderNotices
}

type noticesIn struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the booking."`
}

type ticketsAgain struct {
	Email string `json:"email,omitempty" maxLength:"254" doc:"Corrects the address. Absent: the address stays." example:"ada@example.org"`
}

type againIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the booking."`
	Body *ticketsAgain
}

type ticketsSent struct {
	Email string `json:"email" doc:"Address that the tickets are sent to." example:"ada@example.org"`
}

type againOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         ticketsSent
}

const private = "private, no-store"

// Register adds the desk's operations to the API.
func (d *Desk) Register(api huma.API) {
	d.registerMailings(api)
	huma.Register(api, huma.Operation{
		OperationID: "list-booking-notices", Method: http.MethodGet, Path: "/bookings/{id}/notices", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "List what was told about a booking", Description: "The log of emails and text messages about a booking: to whom, when, and what became of them. For the event's organizer and admins.",
		Errors: []int{401, 404},
	}, func(ctx context.Context, in *noticesIn) (*noticesOut, error) {
		log, err := d.OrderLog(ctx, caller.From(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		out := &noticesOut{CacheControl: private, Body: orderNotices{Email: log.To, Correctable: log.Correctable, Items: make([]lineBody, len(log.Lines))}}
		for i := range log.Lines {
			l := &log.Lines[i]
			out.Body.Items[i] = lineBody{l.ID, l.Kind, l.To, channelOf(l), l.State, l.Answer, l.Tries, l.CreatedAt.UTC(), codec.OrNil(l.NextAt.UTC()), codec.OrNil(l.DoneAt.UTC())}
		}
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "send-tickets-again", Method: http.MethodPost, Path: "/bookings/{id}/notices", Tags: []string{"Bookings"}, DefaultStatus: http.StatusAccepted, MaxBodyBytes: 4 << 10,
		Summary: "Send the tickets again", Description: "Emails the booking's link and tickets again, at most six times a day; a request that is repeated within a minute sends them once. For the event's organizer and admins. " +
			"With an address, it corrects that of a gift without an account, or of a guest who has not confirmed theirs: links that were mailed before stop working, what waits to be told goes to the new address, and all bookings of the guest are mailed there.",
		Errors: []int{400, 401, 404, 409, 422, 429, 503}, Metadata: route.Meta(route.Organizers),
	}, func(ctx context.Context, in *againIn) (*againOut, error) {
		email := ""
		if in.Body != nil {
			email = in.Body.Email
		}
		to, err := d.TellAgain(ctx, caller.From(ctx), in.ID, email)
		if err != nil {
			return nil, err
		}
		return &againOut{CacheControl: private, Body: ticketsSent{to}}, nil
	})
}

func channelOf(l *notifyapi.Line) string {
	if l.Text {
		return "sms"
	}
	return "email"
}
