package prefs

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// people are accounts by id.
type people map[string]userapi.Account

func (p people) Account(_ context.Context, c caller.Caller, userID string) (userapi.Account, error) {
	if a, ok := p[userID]; ok && c.MayRead(userID) {
		return a, nil
	}
	return userapi.Account{}, errs.Missing("account")
}

func (p people) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	out := map[string]caller.Person{}
	for _, id := range ids {
		if a, ok := p[id]; ok {
			out[id] = caller.Person{Name: a.Name, Email: a.Email}
		}
	}
	return out, nil
}

var everybody = people{
	"ada": {ID: "ada", Email: "Ada@example.org", Verified: true}, "eve": {ID: "eve", Email: "ada@example.org"}, "nil": {ID: "nil", Verified: true},
	"hall": {ID: "hall", Name: "Old Hall"}, "club": {ID: "club", Name: "Club"},
}

func open(t *testing.T) (*List, *Service) {
	t.Helper()
	db := sqldbtest.Open(t)
	t.Cleanup(func() { _ = db.Close() })
	l, err := Open(t.Context(), db, "https://tickets.example")
	if err != nil {
		t.Fatal(err)
	}
	return l, New(l, everybody)
}

// tokenOf is the token of an unsubscribe link.
func tokenOf(t *testing.T, l *List, topic notifyapi.Topic, organizer, address string) string {
	t.Helper()
	token, ok := strings.CutPrefix(l.Link(topic, organizer, address), "https://tickets.example/unsubscribe?token=")
	if !ok || len(token) > maxToken {
		t.Fatalf("the link is %s", l.Link(topic, organizer, address))
	}
	return token
}

// wants reports who of ada, bob and jörg wants an organizer's mails.
func wants(t *testing.T, l *List, topic notifyapi.Topic, organizer string) string {
	t.Helper()
	all := []string{"ADA@Example.org", "bob@example.org", "jörg@bücher.example"}
	off, err := l.Unwanted(t.Context(), topic, organizer, all)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range all {
		if !off[a] {
			names = append(names, strings.ToLower(a[:strings.IndexByte(a, '@')]))
		}
	}
	return strings.Join(names, " ")
}

// Who unsubscribes gets no more mails of what the link or the button says, however the
// address is spelled, and others do.
func TestUnsubscribe(t *testing.T) {
	l, s := open(t)
	ctx := t.Context()
	use := func(token string, scope, want notifyapi.Scope) {
		t.Helper()
		got, err := s.Unsubscribe(ctx, token, scope)
		if err != nil || got.Off != want {
			t.Errorf("%+v %v", got, err)
		}
		if read, err := s.Subscription(ctx, token); err != nil || read != got {
			t.Errorf("%+v %v, but %+v", read, err, got)
		}
	}
	check := func(want ...string) { // announcements of hall, club, house; reminders of hall
		t.Helper()
		got := []string{wants(t, l, notifyapi.Announcements, "hall"), wants(t, l, notifyapi.Announcements, "club"), wants(t, l, notifyapi.Announcements, ""), wants(t, l, notifyapi.Reminders, "hall")}
		if !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
	const all = "ada bob jörg"
	check(all, all, all, all)
	ada := tokenOf(t, l, notifyapi.Announcements, "hall", "ada@example.org")
	if got, err := s.Subscription(ctx, ada); err != nil || got.Organizer.Name != "Old Hall" || got.Topic != notifyapi.Announcements || got.Off != notifyapi.OfNone {
		t.Errorf("%+v %v", got, err)
	}
	check(all, all, all, all) // reading changes nothing
	for range 2 {             // mail programs repeat their requests
		use(ada, "", notifyapi.OfOrganizer)
	}
	check("bob jörg", all, all, all)
	use(ada, notifyapi.OfAll, notifyapi.OfAll)
	check("bob jörg", "bob jörg", "bob jörg", all)
	use(ada, notifyapi.OfNone, notifyapi.OfNone)
	check(all, all, all, all)
	use(tokenOf(t, l, notifyapi.Announcements, "", "bob@example.org"), "", notifyapi.OfOrganizer)
	check(all, all, "ada jörg", all)
	use(tokenOf(t, l, notifyapi.Reminders, "club", "jörg@xn--bcher-kva.example"), "", notifyapi.OfAll)
	check(all, all, "ada jörg", "ada bob")
	if _, err := s.Unsubscribe(ctx, ada, "everything"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a scope that there is not: %v", err)
	}
}

// Nobody makes a link for somebody else, and a link tells no address.
func TestForgedLinks(t *testing.T) {
	l, s := open(t)
	good := tokenOf(t, l, notifyapi.Announcements, "hall", "ada.of.the.hall@example.org")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil || strings.Contains(strings.ToLower(string(raw)), "ada.of.the.hall") {
		t.Errorf("%q %v", raw, err)
	}
	bad := []string{"", "x", good[:len(good)-1], good + "A", strings.Repeat("A", 10_000), strings.Repeat("A", 100), " " + good}
	for i := range raw {
		other := slices.Clone(raw)
		other[i] ^= 1
		bad = append(bad, base64.RawURLEncoding.EncodeToString(other))
	}
	other := &List{db: l.db, key: []byte("another"), url: l.url}
	bad = append(bad, tokenOf(t, other, notifyapi.Announcements, "hall", "ada.of.the.hall@example.org"))
	for _, token := range bad {
		if _, err := s.Subscription(t.Context(), token); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%q is read: %v", token, err)
		}
		if _, err := s.Unsubscribe(t.Context(), token, notifyapi.OfAll); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%q unsubscribes: %v", token, err)
		}
	}
	if got := (&List{db: l.db, key: l.key, url: "[unknown]"}).Link(notifyapi.Reminders, "", "a@example.org"); got != "" {
		t.Errorf("a link that nobody can follow: %s", got)
	}
	if again, err := Open(t.Context(), l.db, l.url); err != nil || tokenOf(t, again, notifyapi.Announcements, "hall", "ada.of.the.hall@example.org") != good {
		t.Errorf("another node makes another link: %v", err)
	}
}

// Owners see and change what their links did. An address that they have not verified may
// be somebody else's.
func TestPreferences(t *testing.T) {
	l, s := open(t)
	ctx, ada := t.Context(), caller.Caller{UserID: "ada"}
	yes, no := true, false
	set := func(c notifyapi.PreferencesChange, want notifyapi.Preferences) {
		t.Helper()
		got, err := s.SetPreferences(ctx, ada, "ada", c)
		read, unread := s.Preferences(ctx, ada, "ada")
		if err != nil || unread != nil || got.Announcements != want.Announcements || got.Reminders != want.Reminders || !slices.Equal(got.Muted, want.Muted) || !slices.Equal(read.Muted, got.Muted) {
			t.Errorf("%+v %v, %+v %v", got, err, read, unread)
		}
	}
	set(notifyapi.PreferencesChange{}, notifyapi.Preferences{Announcements: true, Reminders: true})
	set(notifyapi.PreferencesChange{Reminders: &no}, notifyapi.Preferences{Announcements: true})
	set(notifyapi.PreferencesChange{Reminders: &yes, Announcements: &no}, notifyapi.Preferences{Reminders: true})
	if got := wants(t, l, notifyapi.Announcements, "hall"); got != "bob jörg" {
		t.Error(got)
	}
	set(notifyapi.PreferencesChange{Announcements: &yes}, notifyapi.Preferences{Announcements: true, Reminders: true})
	for _, organizer := range []string{"hall", "club", "gone"} {
		if _, err := s.Unsubscribe(ctx, tokenOf(t, l, notifyapi.Announcements, organizer, "ada@example.org"), notifyapi.OfOrganizer); err != nil {
			t.Fatal(err)
		}
	}
	muted := func(id, name string) notifyapi.Muted {
		return notifyapi.Muted{Organizer: notifyapi.Organizer{ID: id, Name: name}, Topic: notifyapi.Announcements}
	}
	hall, club, gone := muted("hall", "Old Hall"), muted("club", "Club"), muted("gone", "")
	all, err := s.Preferences(ctx, ada, "ada")
	if err != nil || len(all.Muted) != 3 || !slices.Contains(all.Muted, hall) || !slices.Contains(all.Muted, club) || !slices.Contains(all.Muted, gone) {
		t.Errorf("%+v %v", all, err)
	}
	set(notifyapi.PreferencesChange{Muted: &[]notifyapi.Muted{hall}}, notifyapi.Preferences{Announcements: true, Reminders: true, Muted: []notifyapi.Muted{hall}})
	if got := wants(t, l, notifyapi.Announcements, "club"); got != "ada bob jörg" {
		t.Error(got)
	}
	// Nobody learns a stranger's name by muting them.
	if _, err := s.SetPreferences(ctx, ada, "ada", notifyapi.PreferencesChange{Muted: &[]notifyapi.Muted{muted("eve", "")}}); errs.KindOf(err) != errs.Invalid || errs.Of(err).Fields[0].Name != "muted" {
		t.Error(err)
	}
	set(notifyapi.PreferencesChange{Muted: &[]notifyapi.Muted{}}, notifyapi.Preferences{Announcements: true, Reminders: true})
	for id, slug := range map[string]string{"eve": "address-not-verified", "nil": "address-not-verified"} {
		if _, err := s.Preferences(ctx, caller.Caller{UserID: id}, id); !errs.Is(err, slug) {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := s.SetPreferences(ctx, caller.Caller{UserID: id}, id, notifyapi.PreferencesChange{Reminders: &no}); !errs.Is(err, slug) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := s.Preferences(ctx, caller.Caller{UserID: "eve"}, "ada"); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
}
