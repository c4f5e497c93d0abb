package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/internal/commands"
	"boxoffice/internal/id"
	"boxoffice/internal/settings"
	"boxoffice/internal/ticket"
)

// A gate with the printed keys checks what a node signed, before and after the
// key was changed.
func TestTicketCommands(t *testing.T) {
	dir := t.TempDir()
	storage := settings.Storage{Data: dir}
	keys := func(fresh bool) string {
		t.Helper()
		var out bytes.Buffer
		if err := (commands.TicketKeys{Storage: storage, New: fresh}).Run(t.Context(), Office, &out); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	sign := func(booking string) string {
		t.Helper()
		db, err := storage.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s, err := ticket.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Sign(ticket.Ticket{BookingID: booking, Seat: 42, PlanVersion: 1})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	event, other := id.FromSource("event", "a"), id.FromSource("event", "b")
	booking := id.Booking(event, "ann", "1")
	_ = sign(booking) // a server was here
	before := keys(true)
	old := sign(booking)
	after := keys(true)
	young, elsewhere := sign(booking), sign(id.Booking(other, "ann", "1"))

	for _, c := range []struct {
		name string
		v    commands.TicketVerify
		in   string
		ok   bool
		says string
	}{
		{"good", commands.TicketVerify{Keys: after, Event: event, Tokens: []string{old, young}}, "", true, "ok       event " + event + ", booking " + booking + " (" + id.Reference(booking) + "), seat 42"},
		{"from a scanner", commands.TicketVerify{Keys: after}, "\n" + old + "\r\n" + strings.ToLower(young) + "\n", true, "seat 42"},
		{"keys that are out of date", commands.TicketVerify{Keys: before, Tokens: []string{old, young}}, "", false, "refused  " + ticket.ErrUnknownKey.Error()},
		{"another event", commands.TicketVerify{Keys: after, Event: event, Tokens: []string{elsewhere}}, "", false, "another event: " + other},
		{"something else", commands.TicketVerify{Keys: after, Tokens: []string{"x"}}, "", false, "refused  " + ticket.ErrMalformed.Error()},
		{"no keys", commands.TicketVerify{Keys: filepath.Join(dir, "none"), Tokens: []string{old}}, "", false, ""},
	} {
		var out bytes.Buffer
		err := c.v.Run(strings.NewReader(c.in), &out)
		if (err == nil) != c.ok || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", c.name, err, out.String())
		}
	}
}
