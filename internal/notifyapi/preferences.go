package notifyapi

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Topic is a group of mails that people can switch off.
type Topic string

// The topics.
const (
	Announcements Topic = "announcements" // messages of organizers to those who have tickets
	Reminders     Topic = "reminders"     // of an event, the day before
)

// TopicOf returns the topic of a kind; "" for kinds that cannot be switched off, because
// they are about somebody's account, order or money.
func TopicOf(kind Kind) Topic {
	switch kind {
	case Announcement:
		return Announcements
	case Reminder:
		return Reminders
	}
	return ""
}

// Organizer is an organizer as a notice tells of them.
type Organizer struct {
	ID   string `json:"id"` // "": the house
	Name string `json:"name"`
}

// Preferences are which mails an address wants.
type Preferences struct {
	Announcements, Reminders bool    // false: of no organizer
	Muted                    []Muted // by single organizers
}

// Muted is an organizer whose mails of a topic an address does not want.
type Muted struct {
	Organizer
	Topic Topic
}

// PreferencesChange changes preferences; nil fields stay as they are.
type PreferencesChange struct {
	Announcements, Reminders *bool
	Muted                    *[]Muted // those that stay muted; names are ignored
}

// Scope is how much of a topic somebody switches off with the link in a mail.
type Scope string

// The scopes.
const (
	OfOrganizer Scope = "organizer" // mails of the organizer whose mail has the link
	OfAll       Scope = "all"       // mails of all organizers
	OfNone      Scope = "none"      // they are wanted again
)

// Subscription is what the unsubscribe link of a mail is about.
type Subscription struct {
	Topic     Topic
	Organizer Organizer
	Off       Scope // what is switched off now; OfNone: nothing
}

// PreferenceKeeper keeps which mails people want. Preferences belong to an email address,
// with or without an account.
type PreferenceKeeper interface {
	// Preferences returns those of an account's address. NotFound: the caller may not
	// know of the account. Forbidden (address-not-verified): anybody could have entered
	// the address.
	Preferences(ctx context.Context, c caller.Caller, userID string) (Preferences, error)
	// SetPreferences changes them. Only organizers that are muted can stay so: Invalid
	// (field muted) for others.
	SetPreferences(ctx context.Context, c caller.Caller, userID string, change PreferencesChange) (Preferences, error)
	// Subscription tells what an unsubscribe link is about. It changes nothing. Whoever
	// has the link may use it, for ever. NotFound: this site has made no such link.
	Subscription(ctx context.Context, token string) (Subscription, error)
	// Unsubscribe switches mails off, or on again. The scope "" is the one that a mail
	// program means by its own button: announcements of the organizer, or all reminders.
	Unsubscribe(ctx context.Context, token string, scope Scope) (Subscription, error)
}

// PreferenceProblems are the errors of the operations about preferences.
var PreferenceProblems = errs.Problems{
	Operations: map[string][]string{
		"get-email-preferences":    {"address-not-verified"},
		"update-email-preferences": {"address-not-verified"},
	},
}
