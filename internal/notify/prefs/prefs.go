package prefs

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// Accounts reads accounts.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error)
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Service keeps preferences. It implements notifyapi.PreferenceKeeper.
type Service struct {
	list     *List
	accounts Accounts
}

// New makes the service.
func New(list *List, accounts Accounts) *Service { return &Service{list, accounts} }

// mostMuted is how many organizers of an address are listed.
const mostMuted = 200

// address returns the hash of an account's address.
func (s *Service) address(ctx context.Context, c caller.Caller, userID string) ([]byte, error) {
	a, err := s.accounts.Account(ctx, c, userID)
	if err != nil {
		return nil, err
	}
	if a.Email == "" || !a.Verified {
		return nil, errs.New(errs.Forbidden, "address-not-verified", "Please confirm your email address first.")
	}
	return s.list.hash(a.Email), nil
}

// Preferences returns an account's preferences; see notifyapi.PreferenceKeeper.
func (s *Service) Preferences(ctx context.Context, c caller.Caller, userID string) (notifyapi.Preferences, error) {
	hash, err := s.address(ctx, c, userID)
	if err != nil {
		return notifyapi.Preferences{}, err
	}
	return s.preferences(ctx, hash)
}

func (s *Service) preferences(ctx context.Context, hash []byte) (notifyapi.Preferences, error) {
	p := notifyapi.Preferences{Announcements: true, Reminders: true}
	lines, err := s.list.of(ctx, s.list.db.Reader(), hash)
	if err != nil {
		return p, err
	}
	var ids []string
	for _, one := range lines {
		switch {
		case one.organizer != "" && len(p.Muted) < mostMuted:
			id := organizerID(one.organizer)
			p.Muted, ids = append(p.Muted, notifyapi.Muted{Organizer: notifyapi.Organizer{ID: id}, Topic: one.topic}), append(ids, id)
		case one.organizer != "":
		case one.topic == notifyapi.Announcements:
			p.Announcements = false
		case one.topic == notifyapi.Reminders:
			p.Reminders = false
		}
	}
	if len(ids) == 0 {
		return p, nil
	}
	names, err := s.accounts.People(ctx, ids)
	for i := range p.Muted {
		p.Muted[i].Name = names[p.Muted[i].ID].Name
	}
	return p, err
}

// SetPreferences changes an account's preferences; see notifyapi.PreferenceKeeper.
func (s *Service) SetPreferences(ctx context.Context, c caller.Caller, userID string, change notifyapi.PreferencesChange) (notifyapi.Preferences, error) {
	hash, err := s.address(ctx, c, userID)
	if err != nil {
		return notifyapi.Preferences{}, err
	}
	err = s.list.db.Write(ctx, func(tx *sql.Tx) error { return s.change(ctx, tx, hash, change) })
	if err != nil {
		return notifyapi.Preferences{}, fmt.Errorf("set preferences: %w", err)
	}
	return s.preferences(ctx, hash)
}

func (s *Service) change(ctx context.Context, tx *sql.Tx, hash []byte, change notifyapi.PreferencesChange) error {
	for topic, wanted := range map[notifyapi.Topic]*bool{notifyapi.Announcements: change.Announcements, notifyapi.Reminders: change.Reminders} {
		if wanted == nil {
			continue
		}
		if err := s.list.set(ctx, tx, hash, !*wanted, line{topic, ""}); err != nil {
			return err
		}
	}
	if change.Muted == nil {
		return nil
	}
	stay := make([]line, len(*change.Muted))
	for i, m := range *change.Muted {
		stay[i] = line{m.Topic, organizerKey(m.ID)}
	}
	there, err := s.list.of(ctx, tx, hash)
	if err != nil {
		return err
	}
	for _, one := range stay { // names of strangers are not to be had by muting them
		if !slices.Contains(there, one) {
			return errs.Bad("muted", "not-muted", "must only name organizers and topics that are muted; the link in an email mutes one")
		}
	}
	for _, one := range there {
		if one.organizer != "" && !slices.Contains(stay, one) {
			if err := s.list.set(ctx, tx, hash, false, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// Subscription tells what a link is about; see notifyapi.PreferenceKeeper.
func (s *Service) Subscription(ctx context.Context, token string) (notifyapi.Subscription, error) {
	about, err := s.list.read(token)
	if err != nil {
		return notifyapi.Subscription{}, err
	}
	return s.subscription(ctx, about)
}

func (s *Service) subscription(ctx context.Context, about subject) (notifyapi.Subscription, error) {
	out := notifyapi.Subscription{Topic: about.topic, Organizer: notifyapi.Organizer{ID: organizerID(about.organizer)}, Off: notifyapi.OfNone}
	lines, err := s.list.of(ctx, s.list.db.Reader(), about.hash)
	if err != nil {
		return out, err
	}
	switch {
	case slices.Contains(lines, line{about.topic, ""}):
		out.Off = notifyapi.OfAll
	case slices.Contains(lines, about.line):
		out.Off = notifyapi.OfOrganizer
	}
	people, err := s.accounts.People(ctx, []string{out.Organizer.ID})
	out.Organizer.Name = people[out.Organizer.ID].Name
	return out, err
}

// Unsubscribe switches mails off or on again; see notifyapi.PreferenceKeeper.
func (s *Service) Unsubscribe(ctx context.Context, token string, scope notifyapi.Scope) (notifyapi.Subscription, error) {
	about, err := s.list.read(token)
	if err != nil {
		return notifyapi.Subscription{}, err
	}
	if scope == "" {
		scope = map[notifyapi.Topic]notifyapi.Scope{notifyapi.Announcements: notifyapi.OfOrganizer, notifyapi.Reminders: notifyapi.OfAll}[about.topic]
	}
	one, all := about.line, line{about.topic, ""}
	err = s.list.db.Write(ctx, func(tx *sql.Tx) error {
		switch scope {
		case notifyapi.OfOrganizer:
			return s.list.set(ctx, tx, about.hash, true, one)
		case notifyapi.OfAll:
			return s.list.set(ctx, tx, about.hash, true, all)
		case notifyapi.OfNone:
			return s.list.set(ctx, tx, about.hash, false, one, all)
		}
		return errs.Bad("scope", "not-one-of", "must be one of organizer, all, none")
	})
	if err != nil {
		return notifyapi.Subscription{}, fmt.Errorf("unsubscribe: %w", err)
	}
	return s.subscription(ctx, about)
}
