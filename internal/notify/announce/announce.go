package announce

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/locale"
	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Mailer sends a mailing, and mails of its own; *notify.Service is one.
type Mailer interface {
	Notify(ctx context.Context, list []notifyapi.Notice) error
	// AddMailing begins a mailing in the caller's transaction.
	AddMailing(ctx context.Context, tx *sql.Tx, m notifyapi.Mailing) error
	StopMailing(ctx context.Context, id string) error
	MailingsOf(ctx context.Context, eventID string) ([]notifyapi.Progress, error)
}

// Events reads events; see eventapi.Organizer.
type Events interface {
	OwnEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error)
}

// Accounts reads accounts.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error)
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Config configures the service.
type Config struct {
	DB       *sqldb.DB
	Now      func() time.Time
	Log      *slog.Logger
	Events   Events
	Accounts Accounts
	Mailer   Mailer // nil: no mail is sent
}

// Service keeps announcements. It implements notifyapi.Announcer.
type Service struct {
	cfg     Config
	store   store
	letters *letter.Renderer
}

// New migrates the tables and makes the service.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "announcements", migrations); err != nil {
		return nil, err
	}
	letters, err := letter.New()
	return &Service{cfg, store{cfg.DB}, letters}, err
}

// Announcements lists those of an event; see notifyapi.Announcer.
func (s *Service) Announcements(ctx context.Context, c caller.Caller, eventID string) ([]notifyapi.EventAnnouncement, error) {
	if _, err := s.event(ctx, c, eventID); err != nil {
		return nil, err
	}
	list, err := s.store.list(ctx, sqlList, eventID)
	if err == nil {
		err = s.follow(ctx, eventID, list)
	}
	if err != nil {
		return nil, fmt.Errorf("list announcements: %w", err)
	}
	return list, nil
}

// event returns an event that the caller organizes; to others there is none.
func (s *Service) event(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	e, err := s.cfg.Events.OwnEvent(ctx, c, id)
	if errs.Is(err, "organizers-only") {
		return e, errs.Missing("event")
	}
	return e, err
}

// follow fills in what has become of announcements of an event.
func (s *Service) follow(ctx context.Context, eventID string, list []notifyapi.EventAnnouncement) error {
	sent := false
	for i := range list {
		sent = sent || !list[i].Sent.IsZero()
	}
	if !sent || s.cfg.Mailer == nil {
		return nil
	}
	mailings, err := s.cfg.Mailer.MailingsOf(ctx, eventID)
	if err != nil {
		return err
	}
	by := map[string]*notifyapi.Progress{}
	for i := range mailings {
		by[mailings[i].ID] = &mailings[i]
	}
	for i := range list {
		list[i].Progress = by[mailingID(&list[i])]
	}
	return nil
}

// Announcement returns one; see notifyapi.Announcer.
func (s *Service) Announcement(ctx context.Context, c caller.Caller, eventID, id string) (notifyapi.EventAnnouncement, error) {
	_, a, err := s.own(ctx, c, eventID, id)
	return a, err
}

// own returns an announcement of an event that the caller organizes, with the event.
func (s *Service) own(ctx context.Context, c caller.Caller, eventID, id string) (e eventapi.Event, a notifyapi.EventAnnouncement, err error) {
	if e, err = s.event(ctx, c, eventID); err != nil {
		return e, a, err
	}
	a, err = s.read(ctx, eventID, id)
	return e, a, err
}

func (s *Service) read(ctx context.Context, eventID, id string) (notifyapi.EventAnnouncement, error) {
	a, err := s.store.read(ctx, eventID, id)
	if err != nil {
		return a, fmt.Errorf("read announcement: %w", err)
	}
	list := []notifyapi.EventAnnouncement{a}
	err = s.follow(ctx, eventID, list)
	return list[0], err
}

// PreviewAnnouncement writes an announcement; see notifyapi.Announcer.
func (s *Service) PreviewAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) (notifyapi.Preview, error) {
	e, a, err := s.own(ctx, c, eventID, id)
	if err != nil {
		return notifyapi.Preview{}, err
	}
	data, err := s.data(ctx, &e, &a)
	if err != nil {
		return notifyapi.Preview{}, err
	}
	if a.Progress != nil { // the event may have changed since
		data = a.Progress.Data
	}
	given := caller.LangFrom(ctx)
	l, err := s.letters.Render(&notifyapi.Notice{Kind: notifyapi.Announcement, Lang: locale.Match(given, given), Data: data})
	if err != nil {
		return notifyapi.Preview{}, fmt.Errorf("preview: %w", err)
	}
	return notifyapi.Preview{Subject: l.Subject, Text: l.Text, HTML: l.HTML}, nil
}

// data is what all recipients are told.
func (s *Service) data(ctx context.Context, e *eventapi.Event, a *notifyapi.EventAnnouncement) (notifyapi.Data, error) {
	people, err := s.cfg.Accounts.People(ctx, []string{e.OrganizerID})
	return notifyapi.Data{
		Event:     &notifyapi.Event{Title: e.Title, Starts: e.Starts, Date: e.Date, Zone: e.Zone, Venue: e.Venue.Name, Address: e.Venue.Address, City: e.Venue.City},
		Organizer: &notifyapi.Organizer{ID: e.OrganizerID, Name: people[e.OrganizerID].Name},
		Message:   &notifyapi.Message{Subject: a.Subject, Text: a.Text},
	}, err
}

// Draft makes a draft; see notifyapi.Announcer.
func (s *Service) Draft(ctx context.Context, c caller.Caller, eventID string, t notifyapi.AnnouncementText) (notifyapi.EventAnnouncement, error) {
	e, err := s.event(ctx, c, eventID)
	if err != nil {
		return notifyapi.EventAnnouncement{}, err
	}
	if t, err = check(t); err != nil {
		return notifyapi.EventAnnouncement{}, err
	}
	made := id.New(s.cfg.Now())
	err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := s.cfg.DB.Lock(ctx, tx, "drafts of announcements/"+eventID); err != nil {
			return err
		}
		var drafts int
		if err := tx.QueryRowContext(ctx, sqlDrafts, eventID).Scan(&drafts); err != nil {
			return err
		}
		if drafts >= notifyapi.MaxDrafts {
			return errs.New(errs.Conflict, "too-many-drafts", "The event has %d drafts of announcements. Delete one first.", drafts)
		}
		_, err := tx.ExecContext(ctx, sqlAdd, eventID, made, e.OrganizerID, c.UserID, t.Subject, t.Text, s.cfg.Now().UnixMicro())
		return err
	})
	if err != nil {
		return notifyapi.EventAnnouncement{}, fmt.Errorf("draft an announcement: %w", err)
	}
	return s.read(ctx, eventID, made)
}

// ChangeDraft changes a draft; see notifyapi.Announcer.
func (s *Service) ChangeDraft(ctx context.Context, c caller.Caller, eventID, id string, t notifyapi.AnnouncementText) (notifyapi.EventAnnouncement, error) {
	if _, _, err := s.own(ctx, c, eventID, id); err != nil {
		return notifyapi.EventAnnouncement{}, err
	}
	t, err := check(t)
	if err != nil {
		return notifyapi.EventAnnouncement{}, err
	}
	if _, err = s.store.exec(ctx, sqlChange, t.Subject, t.Text, eventID, id); err != nil {
		return notifyapi.EventAnnouncement{}, fmt.Errorf("change an announcement: %w", err)
	}
	a, err := s.read(ctx, eventID, id)
	if err == nil && !a.Sent.IsZero() {
		err = sentAlready()
	}
	return a, err
}

func sentAlready() error {
	return errs.New(errs.Conflict, "announcement-sent", "The announcement was sent, so it cannot be changed or deleted.")
}

// DropDraft deletes a draft; see notifyapi.Announcer.
func (s *Service) DropDraft(ctx context.Context, c caller.Caller, eventID, id string) error {
	if _, _, err := s.own(ctx, c, eventID, id); err != nil {
		return err
	}
	gone, err := s.store.exec(ctx, sqlDelete, eventID, id)
	if err == nil && !gone {
		if _, err = s.store.read(ctx, eventID, id); err == nil {
			err = sentAlready()
		}
	}
	if err != nil {
		return fmt.Errorf("delete an announcement: %w", err)
	}
	return nil
}

// TestAnnouncement mails an announcement to the caller; see notifyapi.Announcer.
func (s *Service) TestAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) error {
	e, a, err := s.own(ctx, c, eventID, id)
	if err != nil {
		return err
	}
	me, err := s.author(ctx, c)
	if err != nil {
		return err
	}
	data, err := s.data(ctx, &e, &a)
	if err != nil {
		return err
	}
	data.Message.Test = true
	given := caller.LangFrom(ctx)
	return s.cfg.Mailer.Notify(ctx, []notifyapi.Notice{{
		ID:   fmt.Sprintf("announcement-test/%s/%d/%s/%d", a.ID, a.Version, me.ID, s.cfg.Now().Unix()/60),
		Kind: notifyapi.Announcement, To: me.Email, Name: me.Name, Lang: locale.Match(given, given), UserID: me.ID, EventID: eventID, Data: data,
	}})
}

// author returns the caller's account, if it may send mails: somebody must answer for
// them.
func (s *Service) author(ctx context.Context, c caller.Caller) (userapi.Account, error) {
	a, err := s.cfg.Accounts.Account(ctx, c, c.UserID)
	switch {
	case err != nil:
		return a, err
	case a.Email == "" || !a.Verified:
		return a, errs.New(errs.Forbidden, "address-not-verified", "Please confirm your email address first.")
	case s.cfg.Mailer == nil:
		return a, errs.New(errs.Unavailable, "no-mail", "This server sends no mail.")
	}
	return a, nil
}

// mailingID is the id of an announcement's mailing.
func mailingID(a *notifyapi.EventAnnouncement) string {
	return "announcement/" + a.EventID + "/" + a.ID
}

// SendAnnouncement sends a draft; see notifyapi.Announcer.
func (s *Service) SendAnnouncement(ctx context.Context, c caller.Caller, eventID, id string, version int64) (notifyapi.EventAnnouncement, error) {
	e, a, err := s.own(ctx, c, eventID, id)
	if err != nil || !a.Sent.IsZero() {
		return a, err
	}
	now := s.cfg.Now()
	switch {
	case a.Version != version:
		return a, changed()
	case e.Status == eventapi.Draft:
		return a, errs.New(errs.Conflict, "event-not-published", "The event is a draft, so nobody has tickets. Publish it first.")
	case !e.Over.IsZero() && e.Over.Add(notifyapi.AnnounceAfter).Before(now):
		return a, errs.New(errs.Conflict, "event-over", "The event was over more than two weeks ago, so announcements can no longer be sent.")
	}
	if _, err := s.author(ctx, c); err != nil {
		return a, err
	}
	data, err := s.data(ctx, &e, &a)
	if err != nil {
		return a, err
	}
	sent := false
	err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		sent = false
		if _, err := tx.ExecContext(ctx, sqlSender, e.OrganizerID, now.UnixMicro()); err != nil {
			return err
		}
		free, err := s.store.waits(ctx, tx, eventID, e.OrganizerID, now)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, sqlSend, now.UnixMicro(), c.UserID, e.OrganizerID, eventID, id, version)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 { // sent or changed by somebody else
			return err
		}
		if free.After(now) {
			return errs.New(errs.TooMany, "too-many-announcements", "%d announcements for an event, or %d of its organizer, may be sent within 24 hours.",
				notifyapi.EventAnnouncements, notifyapi.OrganizerAnnouncements).After(free.Sub(now))
		}
		sent = true
		return s.cfg.Mailer.AddMailing(ctx, tx, notifyapi.Mailing{ID: mailingID(&a), Kind: notifyapi.Announcement, EventID: eventID, Data: data, PerAddress: true})
	})
	if err != nil {
		return a, fmt.Errorf("send an announcement: %w", err)
	}
	if sent {
		s.cfg.Log.InfoContext(ctx, "an announcement is sent", "event", eventID, "announcement", id, "by", c.UserID)
	}
	if a, err = s.read(ctx, eventID, id); err == nil && a.Sent.IsZero() {
		err = changed()
	}
	return a, err
}

func changed() error {
	return errs.New(errs.Precondition, "changed-meanwhile", "The draft has changed since. Please read it again.")
}

// StopAnnouncement stops what is not sent yet; see notifyapi.Announcer.
func (s *Service) StopAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) (notifyapi.EventAnnouncement, error) {
	_, a, err := s.own(ctx, c, eventID, id)
	switch {
	case err != nil:
		return a, err
	case a.Sent.IsZero():
		return a, errs.New(errs.Conflict, "announcement-not-sent", "The announcement was not sent, so there is nothing to stop.")
	case a.Progress == nil: // it was over long ago
		return a, nil
	}
	if err := s.cfg.Mailer.StopMailing(ctx, a.Progress.ID); err != nil {
		return a, fmt.Errorf("stop an announcement: %w", err)
	}
	s.cfg.Log.InfoContext(ctx, "an announcement is stopped", "event", eventID, "announcement", id, "by", c.UserID)
	return s.read(ctx, eventID, id)
}
