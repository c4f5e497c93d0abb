package announce

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// post is a Notification Service that remembers what it was given. Mailings count once
// their transaction has committed: they are rows.
type post struct {
	mu       sync.Mutex
	notices  map[string]notifyapi.Notice
	mailings map[string]notifyapi.Mailing
	stopped  []string
	fails    error // of AddMailing, after it has written
}

func (p *post) Notify(_ context.Context, list []notifyapi.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range list {
		p.notices[n.ID] = n
	}
	return nil
}

func (p *post) AddMailing(ctx context.Context, tx *sql.Tx, m notifyapi.Mailing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := tx.ExecContext(ctx, `INSERT INTO test_mailings (id) VALUES ($1)`, m.ID); err != nil {
		return err
	}
	p.mailings[m.ID] = m
	return p.fails
}

func (p *post) StopMailing(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = append(p.stopped, id)
	return nil
}

func (p *post) MailingsOf(_ context.Context, eventID string) (list []notifyapi.Progress, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, m := range p.mailings {
		state := notifyapi.Running
		if slices.Contains(p.stopped, id) {
			state = notifyapi.Stopped
		}
		if m.EventID == eventID {
			list = append(list, notifyapi.Progress{Mailing: m, State: state, Total: 3, Counts: map[string]int64{"queued": 1, "sent": 1, "unwanted": 1}})
		}
	}
	return list, nil
}

// world is what the service needs of others.
type world struct {
	*Service
	post   *post
	db     *sqldb.DB
	now    time.Time
	events map[string]eventapi.Event
}

var (
	hall  = caller.Caller{UserID: "hall", Role: caller.Organizer}
	rival = caller.Caller{UserID: "rival", Role: caller.Organizer}
	admin = caller.Caller{UserID: "admin", Role: caller.Admin}
	fan   = caller.Caller{UserID: "fan", Role: caller.Customer}
)

func (w *world) OwnEvent(_ context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	e, ok := w.events[id]
	switch {
	case !c.SignedIn():
		return e, errs.New(errs.Unauthenticated, "sign-in-required", "no")
	case !c.Organizes():
		return e, errs.New(errs.Forbidden, "organizers-only", "no")
	case !ok || !c.MayOrganize(e.OrganizerID):
		return e, errs.Missing("event")
	}
	return e, nil
}

func (w *world) Account(_ context.Context, _ caller.Caller, id string) (userapi.Account, error) {
	return userapi.Account{ID: id, Name: strings.ToUpper(id), Email: id + "@example.org", Verified: id != "rival"}, nil
}

func (w *world) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	out := map[string]caller.Person{}
	for _, id := range ids {
		if id != "" {
			out[id] = caller.Person{Name: strings.ToUpper(id)}
		}
	}
	return out, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cfg := sqldbtest.Fresh(t)
	cfg.Together = cfg.URL == ""
	w := &world{db: sqldbtest.Again(t, cfg), now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), post: &post{notices: map[string]notifyapi.Notice{}, mailings: map[string]notifyapi.Mailing{}}}
	t.Cleanup(func() { _ = w.db.Close() })
	starts := time.Date(2027, 3, 13, 18, 30, 0, 0, time.UTC)
	w.events = map[string]eventapi.Event{
		"gala":  {ID: "gala", OrganizerID: "hall", Title: "Gala", Status: eventapi.OnSale, Starts: starts, Over: starts.Add(3 * time.Hour), Zone: "Europe/Berlin"},
		"draft": {ID: "draft", OrganizerID: "hall", Title: "Draft", Status: eventapi.Draft},
		"past":  {ID: "past", OrganizerID: "hall", Title: "Past", Status: eventapi.Past, Over: w.now.Add(-notifyapi.AnnounceAfter - time.Minute)},
		"off":   {ID: "off", OrganizerID: "hall", Title: "Off", Status: eventapi.Cancelled, Over: w.now.Add(-time.Hour)},
		"other": {ID: "other", OrganizerID: "rival", Title: "Other", Status: eventapi.OnSale},
		"house": {ID: "house", Title: "House", Status: eventapi.OnSale},
	}
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`CREATE TABLE test_mailings (id TEXT PRIMARY KEY)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = w.node(t)
	return w
}

// node is another node on the same database.
func (w *world) node(t *testing.T) *Service {
	t.Helper()
	s, err := New(t.Context(), Config{DB: w.db, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Events: w, Accounts: w, Mailer: w.post})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var snow = notifyapi.AnnouncementText{Subject: " Doors open at 6 ", Text: "Because of the snow\r\nwe open earlier.\n\nhttps://hall.example/way"}

func (w *world) draft(t *testing.T, event string) notifyapi.EventAnnouncement {
	t.Helper()
	a, err := w.Draft(t.Context(), admin, event, snow)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mailings counts the mailings that have begun.
func (w *world) mailings(t *testing.T) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM test_mailings`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A draft is written, read, tried on its author, changed and sent; then it stays as it is.
func TestFromDraftToSent(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a, err := w.Draft(ctx, hall, "gala", snow)
	if err != nil || a.Status() != notifyapi.AnnouncementDraft || a.Subject != "Doors open at 6" || a.Text != "Because of the snow\nwe open earlier.\n\nhttps://hall.example/way" || a.AuthorID != "hall" || a.Version != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	p, err := w.PreviewAnnouncement(caller.Speaking(ctx, "de"), hall, "gala", a.ID)
	if err != nil || p.Subject != "Doors open at 6 (Gala)" || !strings.Contains(p.Text, "HALL schreibt an alle") || !strings.Contains(p.HTML, `href="https://hall.example/way"`) {
		t.Errorf("%+v %v", p, err)
	}
	for range 3 {
		if err := w.TestAnnouncement(ctx, hall, "gala", a.ID); err != nil {
			t.Fatal(err)
		}
	}
	changed := snow
	changed.Subject = "Doors open at 5"
	b, err := w.ChangeDraft(ctx, hall, "gala", a.ID, changed)
	if err != nil || b.Version != 2 || b.Subject != "Doors open at 5" {
		t.Errorf("%+v %v", b, err)
	}
	if same, err := w.ChangeDraft(ctx, hall, "gala", a.ID, changed); err != nil || same.Version != 2 {
		t.Errorf("%+v %v", same, err)
	}
	if err := w.TestAnnouncement(ctx, admin, "gala", a.ID); err != nil {
		t.Fatal(err)
	}
	if len(w.post.notices) != 2 {
		t.Errorf("%d test mails", len(w.post.notices))
	}
	for _, n := range w.post.notices {
		if !n.Data.Message.Test || n.To != "hall@example.org" && n.To != "admin@example.org" {
			t.Errorf("%+v", n)
		}
	}
	if _, err := w.StopAnnouncement(ctx, hall, "gala", a.ID); !errs.Is(err, "announcement-not-sent") {
		t.Error(err)
	}
	if _, err := w.SendAnnouncement(ctx, hall, "gala", a.ID, 1); !errs.Is(err, "changed-meanwhile") || w.mailings(t) != 0 {
		t.Errorf("an earlier text was sent: %v", err)
	}
	for range 2 {
		sent, err := w.SendAnnouncement(ctx, hall, "gala", a.ID, 2)
		if err != nil || sent.Status() != notifyapi.AnnouncementSending || sent.SenderID != "hall" || !sent.Sent.Equal(w.now) || sent.Progress == nil || sent.Progress.Numbers() != (notifyapi.Numbers{Waiting: 1, Sent: 1, Unwanted: 1}) || sent.Progress.Over() != 2 {
			t.Fatalf("%+v %v", sent, err)
		}
	}
	gala := w.events["gala"]
	gala.Title = "Matinee"
	w.events["gala"] = gala
	if p, err = w.PreviewAnnouncement(ctx, hall, "gala", a.ID); err != nil || p.Subject != "Doors open at 5 (Gala)" {
		t.Errorf("of what was sent: %+v %v", p, err)
	}
	m := w.post.mailings["announcement/gala/"+a.ID]
	if w.mailings(t) != 1 || m.Kind != notifyapi.Announcement || !m.PerAddress || m.Data.Message.Subject != "Doors open at 5" || m.Data.Message.Test || m.Data.Organizer.ID != "hall" || m.Data.Organizer.Name != "HALL" || m.Data.Event.Title != "Gala" {
		t.Errorf("%d mailings, %+v", w.mailings(t), m)
	}
	if _, err := w.ChangeDraft(ctx, hall, "gala", a.ID, snow); !errs.Is(err, "announcement-sent") {
		t.Error(err)
	}
	if err := w.DropDraft(ctx, hall, "gala", a.ID); !errs.Is(err, "announcement-sent") {
		t.Error(err)
	}
	for range 2 {
		if got, err := w.StopAnnouncement(ctx, hall, "gala", a.ID); err != nil || got.Status() != notifyapi.AnnouncementStopped {
			t.Errorf("%+v %v", got, err)
		}
	}
	other := w.draft(t, "gala")
	list, err := w.Announcements(ctx, hall, "gala")
	if err != nil || len(list) != 2 || list[1].ID != a.ID && list[0].ID != a.ID || list[0].ID == list[1].ID {
		t.Errorf("%+v %v", list, err)
	}
	if err := w.DropDraft(ctx, hall, "gala", other.ID); err != nil {
		t.Error(err)
	}
	if err := w.DropDraft(ctx, hall, "gala", other.ID); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	delete(w.post.mailings, "announcement/gala/"+a.ID) // forgotten after 90 days
	if got, err := w.StopAnnouncement(ctx, hall, "gala", a.ID); err != nil || got.Status() != notifyapi.AnnouncementSent || got.Progress != nil {
		t.Errorf("%+v %v", got, err)
	}
}

// What is wrong with a text is said of its field.
func TestWhatMayBeWritten(t *testing.T) {
	w := newWorld(t)
	const link = "https://hall.example/a "
	for name, c := range map[string]struct{ subject, text, field, code string }{
		"nothing":           {"", "Text", "subject", "required"},
		"blanks":            {"  ", "Text", "subject", "required"},
		"long subject":      {strings.Repeat("ü", 101), "Text", "subject", "too-long"},
		"two lines":         {"a\nBcc: x@evil.example", "Text", "subject", "invisible-characters"},
		"turned":            {"a\u202eb", "Text", "subject", "invisible-characters"},
		"no text":           {"S", "\n \n", "text", "required"},
		"long text":         {"S", strings.Repeat("ü", 5001), "text", "too-long"},
		"hidden":            {"S", "a\u200bb", "text", "invisible-characters"},
		"NUL":               {"S", "a\x00b", "text", "invisible-characters"},
		"four links":        {"S", strings.Repeat(link, 4), "text", "too-many-links"},
		"no TLS":            {"S", "See http://hall.example", "text", "not-a-link"},
		"script":            {"S", "javascript://hall.example/%0aalert(1)", "text", "not-a-link"},
		"someone's address": {"S", "https://bank.example@evil.example/", "text", "not-a-link"},
		"no host":           {"S", "https://localhost/", "text", "not-a-link"},
		"good":              {strings.Repeat("ü", 100), strings.Repeat("ü", 4900) + "\n" + strings.Repeat(link, 3), "", ""},
		"right to left":     {"שלום", "שלום עולם, see www.hall.example or write to info@hall.example", "", ""},
	} {
		_, err := w.Draft(t.Context(), hall, "gala", notifyapi.AnnouncementText{Subject: c.subject, Text: c.text})
		var got errs.Field
		if e := errs.Of(err); e != nil && len(e.Fields) > 0 {
			got = e.Fields[0]
		}
		if got.Name != c.field || got.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := w.Announcements(t.Context(), hall, "gala"); err != nil || len(list) != 2 {
		t.Errorf("%d drafts, %v", len(list), err)
	}
}

// Others than the organizer and admins neither read nor send anything, and nobody sends
// from an address that may be a stranger's.
func TestWhoMayWrite(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.draft(t, "gala")
	for _, c := range []caller.Caller{rival, fan, {}} {
		want := errs.NotFound
		if !c.SignedIn() {
			want = errs.Unauthenticated
		}
		_, read := w.Announcement(ctx, c, "gala", a.ID)
		_, listed := w.Announcements(ctx, c, "gala")
		_, seen := w.PreviewAnnouncement(ctx, c, "gala", a.ID)
		_, made := w.Draft(ctx, c, "gala", snow)
		_, changed := w.ChangeDraft(ctx, c, "gala", a.ID, snow)
		_, sent := w.SendAnnouncement(ctx, c, "gala", a.ID, 1)
		_, stopped := w.StopAnnouncement(ctx, c, "gala", a.ID)
		for i, err := range []error{read, listed, seen, made, changed, sent, stopped, w.DropDraft(ctx, c, "gala", a.ID), w.TestAnnouncement(ctx, c, "gala", a.ID)} {
			if errs.KindOf(err) != want {
				t.Errorf("%s, %d: %v", c.UserID, i, err)
			}
		}
	}
	// An id belongs to its event: not to another one of the same organizer's.
	if _, err := w.SendAnnouncement(ctx, hall, "off", a.ID, 1); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	b := w.draft(t, "other")
	if _, err := w.SendAnnouncement(ctx, rival, "other", b.ID, 1); !errs.Is(err, "address-not-verified") {
		t.Error(err)
	}
	if err := w.TestAnnouncement(ctx, rival, "other", b.ID); !errs.Is(err, "address-not-verified") {
		t.Error(err)
	}
	if w.mailings(t) != 0 || len(w.post.notices) != 0 {
		t.Errorf("%d mailings, %d mails", w.mailings(t), len(w.post.notices))
	}
	for event, slug := range map[string]string{"draft": "event-not-published", "past": "event-over", "off": "", "house": ""} {
		c := w.draft(t, event)
		if _, err := w.SendAnnouncement(ctx, admin, event, c.ID, 1); slug == "" && err != nil || slug != "" && !errs.Is(err, slug) {
			t.Errorf("%s: %v", event, err)
		}
	}
}

// The limits hold, whoever sends at the same time, and say when the next may be sent.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var ids []string
	for range 2 * notifyapi.EventAnnouncements {
		ids = append(ids, w.draft(t, "gala").ID)
	}
	other := w.node(t)
	var sending sync.WaitGroup
	results := make([]error, len(ids))
	for i, id := range ids {
		sending.Go(func() {
			_, results[i] = []*Service{w.Service, other}[i%2].SendAnnouncement(ctx, hall, "gala", id, 1)
		})
	}
	sending.Wait()
	sent := 0
	for _, err := range results {
		switch {
		case err == nil:
			sent++
		case !errs.Is(err, "too-many-announcements") || errs.Of(err).RetryAfter != 24*time.Hour:
			t.Error(err)
		}
	}
	if sent != notifyapi.EventAnnouncements || w.mailings(t) != sent {
		t.Errorf("%d were sent, %d mailings", sent, w.mailings(t))
	}
	left := func(event string) string {
		t.Helper()
		list, err := w.Announcements(ctx, admin, event)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Sent.IsZero() {
				return a.ID
			}
		}
		return w.draft(t, event).ID
	}
	w.now = w.now.Add(24*time.Hour - time.Second)
	if _, err := w.SendAnnouncement(ctx, hall, "gala", left("gala"), 1); !errs.Is(err, "too-many-announcements") || errs.Of(err).RetryAfter != time.Second {
		t.Error(err)
	}
	w.now = w.now.Add(time.Second)
	for range notifyapi.EventAnnouncements {
		if _, err := w.SendAnnouncement(ctx, hall, "gala", left("gala"), 1); err != nil {
			t.Error(err)
		}
	}
	// An organizer with many events has a limit, too.
	for i := notifyapi.EventAnnouncements; i < notifyapi.OrganizerAnnouncements+1; i++ {
		event := "e" + string(rune('a'+i))
		w.events[event] = eventapi.Event{ID: event, OrganizerID: "hall", Status: eventapi.OnSale, Title: event}
		_, err := w.SendAnnouncement(ctx, hall, event, left(event), 1)
		if i < notifyapi.OrganizerAnnouncements && err != nil || i == notifyapi.OrganizerAnnouncements && !errs.Is(err, "too-many-announcements") {
			t.Errorf("number %d: %v", i+1, err)
		}
	}
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 3 * notifyapi.MaxDrafts { // at the same time
		wg.Go(func() {
			_, err := w.Draft(ctx, hall, "off", snow)
			if err == nil {
				made.Add(1)
			} else if !errs.Is(err, "too-many-drafts") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := made.Load(); n != notifyapi.MaxDrafts {
		t.Errorf("%d drafts", n)
	}
}

// A node that dies while it sends has sent everything or nothing, and a repeated request
// sends once.
func TestSendingIsOneStep(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.draft(t, "gala")
	w.post.fails = errors.New("the node dies before it commits")
	if _, err := w.SendAnnouncement(ctx, hall, "gala", a.ID, 1); err == nil {
		t.Error("it died, and says that it has sent")
	}
	delete(w.post.mailings, "announcement/gala/"+a.ID)
	if got, err := w.Announcement(ctx, hall, "gala", a.ID); err != nil || got.Status() != notifyapi.AnnouncementDraft || w.mailings(t) != 0 {
		t.Errorf("%+v %v, %d mailings", got, err, w.mailings(t))
	}
	w.post.fails = nil
	other := w.node(t)
	var sending sync.WaitGroup
	for i := range 6 {
		sending.Go(func() {
			if got, err := []*Service{w.Service, other}[i%2].SendAnnouncement(ctx, hall, "gala", a.ID, 1); err != nil || got.Sent.IsZero() {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	sending.Wait()
	if w.mailings(t) != 1 {
		t.Errorf("%d mailings", w.mailings(t))
	}
}
