package prefs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/notifyapi"
)

// mutedBody is an organizer whose mails are not wanted.
type mutedBody struct {
	OrganizerID string          `json:"organizer_id" maxLength:"64" doc:"Id of the organizer's account. Empty: the ticket office itself." example:"06a1b2c3d4e5f6g7"`
	Organizer   string          `json:"organizer" doc:"Name of the organizer. Empty: unknown." example:"Old Hall"`
	Topic       notifyapi.Topic `json:"topic" enum:"announcements,reminders" doc:"announcements: messages of organizers to people with tickets. reminders: of an event, the day before." example:"announcements"`
}

// emailPreferences are preferences as clients see them.
type emailPreferences struct {
	Announcements bool        `json:"announcements" doc:"Whether messages of organizers are wanted." example:"true"`
	Reminders     bool        `json:"reminders" doc:"Whether reminders of events are wanted." example:"true"`
	Muted         []mutedBody `json:"muted" doc:"Organizers whose emails are not wanted, at most 200."`
}

type preferencesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         emailPreferences
}

func answer(p notifyapi.Preferences, err error) (*preferencesOut, error) {
	if err != nil {
		return nil, err
	}
	out := &preferencesOut{CacheControl: "private, no-store", Body: emailPreferences{p.Announcements, p.Reminders, make([]mutedBody, len(p.Muted))}}
	for i, m := range p.Muted {
		out.Body.Muted[i] = mutedBody{m.ID, m.Name, m.Topic}
	}
	return out, nil
}

type byID struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
}

type stillMuted struct {
	OrganizerID string          `json:"organizer_id" maxLength:"64" doc:"Id of the organizer's account, as it was read." example:"06a1b2c3d4e5f6g7"`
	Topic       notifyapi.Topic `json:"topic" enum:"announcements,reminders" doc:"The topic, as it was read." example:"announcements"`
}

type preferencesUpdate struct {
	Announcements *bool         `json:"announcements,omitempty" doc:"Whether messages of organizers are wanted." example:"true"`
	Reminders     *bool         `json:"reminders,omitempty" doc:"Whether reminders of events are wanted." example:"true"`
	Muted         *[]stillMuted `json:"muted,omitempty" maxItems:"200" doc:"Those of the muted organizers that stay muted. The link in an email mutes an organizer."`
}

type updateIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
	Body preferencesUpdate
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	operation := func(id, method, summary, description string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/users/{id}/email-preferences", Tags: []string{"Accounts"}, Summary: summary, Description: description, Errors: errors}
	}
	huma.Register(api, operation("get-email-preferences", http.MethodGet, "Read which emails are wanted",
		"Of the account's email address, which must be verified. Emails about the account, its orders and its money cannot be switched off.", 401, 403, 404),
		func(ctx context.Context, in *byID) (*preferencesOut, error) {
			return answer(s.Preferences(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, operation("update-email-preferences", http.MethodPut, "Choose which emails are wanted", "Fields that are left out stay as they are.", 400, 401, 403, 404, 422),
		func(ctx context.Context, in *updateIn) (*preferencesOut, error) {
			change := notifyapi.PreferencesChange{Announcements: in.Body.Announcements, Reminders: in.Body.Reminders}
			if in.Body.Muted != nil {
				list := make([]notifyapi.Muted, len(*in.Body.Muted))
				for i, m := range *in.Body.Muted {
					list[i] = notifyapi.Muted{Organizer: notifyapi.Organizer{ID: m.OrganizerID}, Topic: m.Topic}
				}
				change.Muted = &list
			}
			return answer(s.SetPreferences(ctx, caller.From(ctx), in.ID, change))
		})
}
