package shop

import (
	"net/http"
	"strings"

	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// emailsOf returns which emails the reader wants; nil if their address is not verified.
func (s *Shop) emailsOf(v *page.Visit, own *userapi.Account) (*notifyapi.Preferences, error) {
	if own.Email == "" || !own.Verified {
		return nil, nil //nolint:nilnil // nobody chooses for an address that may be a stranger's
	}
	p, err := s.Preferences.Preferences(v.Context(), v.Caller, own.ID)
	return &p, err
}

// changeEmails changes which emails the reader wants, or lets one muted organizer write
// again.
func (s *Shop) changeEmails(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	var change notifyapi.PreferencesChange
	if again := v.PostFormValue("again"); again != "" {
		now, err := s.Preferences.Preferences(v.Context(), v.Caller, v.Caller.UserID)
		if err != nil {
			return err
		}
		topic, organizer, _ := strings.Cut(again, ":")
		stay := []notifyapi.Muted{}
		for _, m := range now.Muted {
			if m.ID != organizer || string(m.Topic) != topic {
				stay = append(stay, m)
			}
		}
		change.Muted = &stay
	} else {
		announcements, reminders := v.PostFormValue("announcements") != "", v.PostFormValue("reminders") != ""
		change.Announcements, change.Reminders = &announcements, &reminders
	}
	if _, err := s.Preferences.SetPreferences(v.Context(), v.Caller, v.Caller.UserID, change); err != nil {
		return err
	}
	v.Notice("account-saved")
	return v.Go("/account#emails")
}

// leaving is the data of the page to which the unsubscribe link of a mail leads.
type leaving struct {
	notifyapi.Subscription
	Token string
	Done  bool // something was changed just now
}

// unsubscribe switches mails off by the link in one of them, without signing in. Reading
// the page changes nothing, because mail programs follow links on their own. Their own
// button for unsubscribing posts List-Unsubscribe=One-Click (RFC 8058); the page's buttons
// post a scope.
func (s *Shop) unsubscribe(v *page.Visit) error {
	p := leaving{Token: v.FormValue("token")}
	v.W.Header().Set("Cache-Control", "private, no-store")
	var err error
	if p.Done = v.Method == http.MethodPost; p.Done {
		p.Subscription, err = s.Preferences.Unsubscribe(v.Context(), p.Token, notifyapi.Scope(v.PostFormValue("scope")))
	} else {
		p.Subscription, err = s.Preferences.Subscription(v.Context(), p.Token)
	}
	if err != nil {
		return err
	}
	return v.Show(s.set, "unsubscribe", page.Meta{Title: v.T("unsubscribe.title"), NoIndex: true}, p)
}
