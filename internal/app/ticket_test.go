package app

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/commands"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
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
		{"good, without a list", commands.TicketVerify{Keys: after, Event: event, Tokens: []string{old, young}}, "", true, "signed   event " + event + ", booking " + booking + " (" + id.Reference(booking) + "), seat 42 of the plan"},
		{"it says what it could not check", commands.TicketVerify{Keys: after, Tokens: []string{old, young}}, "", true, "\n2 tickets were not compared with a list: it may be refunded, moved to another seat or replaced. Give --list, or --data or --database-url.\n"},
		{"from a scanner", commands.TicketVerify{Keys: after}, "\n" + old + "\r\n" + strings.ToLower(young) + "\n", true, "seat 42"},
		{"keys that are out of date", commands.TicketVerify{Keys: before, Tokens: []string{old, young}}, "", false, "refused  " + ticket.ErrUnknownKey.Error()},
		{"another event", commands.TicketVerify{Keys: after, Event: event, Tokens: []string{elsewhere}}, "", false, "another event: " + other},
		{"something else", commands.TicketVerify{Keys: after, Tokens: []string{"x"}}, "", false, "refused  " + ticket.ErrMalformed.Error()},
		{"neither keys nor a database", commands.TicketVerify{Tokens: []string{old}}, "", false, ""},
		{"a list that is none", commands.TicketVerify{Keys: after, List: after, Tokens: []string{old}}, "", false, ""},
		{"a plan that is none", commands.TicketVerify{Keys: after, Event: event, Plan: after, Tokens: []string{old}}, "", false, ""},
		{"no keys", commands.TicketVerify{Keys: filepath.Join(dir, "none"), Tokens: []string{old}}, "", false, ""},
	} {
		var out bytes.Buffer
		c.v.Data = filepath.Join(dir, "nothing here")
		err := c.v.Run(t.Context(), Office, strings.NewReader(c.in), &out)
		if (err == nil) != c.ok || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", c.name, err, out.String())
		}
	}
}

// Codes that change with time are told apart by their age.
func TestTicketVerifyOfNow(t *testing.T) {
	seed := func(n byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	}
	signer, err := ticket.NewSigner([]ed25519.PrivateKey{seed(1)})
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, signer.Keys().Document(), 0o600); err != nil {
		t.Fatal(err)
	}
	one := ticket.Ticket{BookingID: id.Booking(id.FromSource("event", "one"), "ann", "1"), Seat: 42, PlanVersion: 1, Issue: 1}
	part, err := signer.Part(one, ticket.PhoneKey(seed(9).Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	phone := func(age time.Duration, timed bool) string {
		code, err := ticket.PhoneCode(part, seed(9), time.Now().Add(-age), timed)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	token, secret, err := signer.Wallet(one)
	if err != nil {
		t.Fatal(err)
	}
	wallet, err := ticket.WalletCode(token, secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, code, says string
		ok               bool
	}{
		{"of now", phone(0, true), "on a phone ", true},
		{"a copy", phone(16*time.Second, true), "refused  " + ticket.ErrStale.Error(), false},
		{"of tomorrow", phone(-time.Minute, true), "refused  " + ticket.ErrStale.Error(), false},
		{"of a phone without the time", phone(time.Hour, false), "1h0m", true},
		{"in a wallet", wallet, "in a wallet", true},
		{"the office's part", part, "refused  " + ticket.ErrMalformed.Error(), false},
	} {
		var out bytes.Buffer
		err := (commands.TicketVerify{Storage: settings.Storage{Data: filepath.Join(t.TempDir(), "none")}, Keys: keys, Tokens: []string{c.code}}).Run(t.Context(), Office, strings.NewReader(""), &out)
		if (err == nil) != c.ok || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", c.name, err, out.String())
		}
	}
}

// A gate without a network refuses what was refunded, moved to other seats or replaced: by
// files that were fetched before, and by the database.
func TestTicketVerifyByList(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("the folder is the same on both databases")
	}
	dir := t.TempDir()
	h := newHouse(t, func(s *settings.Server) { s.Data = dir })
	ann, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	event, other := h.event(t, organizer), h.event(t, organizer)
	buy := func(event string) (booking string, tokens []string) {
		t.Helper()
		booking = h.buys(t, ann, event, 1, paymentapi.SandboxOK)
		_, tokens = h.codes(t, ann, booking)
		return booking, tokens
	}
	_, good := buy(event)
	refunded, back := buy(event)
	moved, before := buy(event)
	replaced, old := buy(event)
	_, elsewhere := buy(other)
	h.must(t, organizer, "POST", "/bookings/"+refunded+"/cancellations", `{"reason":"Closed."}`, "id")
	h.must(t, organizer, "PUT", "/bookings/"+moved+"/seats", `{"seats":["`+h.freeSeats(t, event)[0]+`"],"reason":"Closed."}`, "id")
	if w := h.ask(t, ann, "POST", "/bookings/"+replaced+"/tickets/reissue", `{}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, after := h.codes(t, ann, moved)
	_, young := h.codes(t, ann, replaced)

	file := func(name string, write func(out io.Writer) error) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	storage := settings.Storage{Data: dir}
	list := file("list", func(out io.Writer) error {
		return commands.TicketList{Storage: storage, Event: event}.Run(t.Context(), Office, out)
	})
	keys := file("keys.json", func(out io.Writer) error { return commands.TicketKeys{Storage: storage}.Run(t.Context(), Office, out) })
	plan := file("plan.json", func(out io.Writer) error {
		_, err := out.Write(h.ask(t, ann, "GET", "/events/"+event+"/plan", "").Body.Bytes())
		return err
	})
	tokens := slices.Concat(good, after, young, back, before, old)
	want := []string{"ok ", "ok ", "ok ", "refused  " + ticket.ErrNotSold.Error(), "refused  " + ticket.ErrNotSold.Error(), "refused  " + ticket.ErrReplaced.Error()}
	check := func(name string, v commands.TicketVerify, places bool) {
		t.Helper()
		var out bytes.Buffer
		err := v.Run(t.Context(), Office, strings.NewReader(""), &out)
		if err == nil || err.Error() != "3 refused" {
			t.Errorf("%s: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != len(want) {
			t.Fatalf("%s: %s", name, out.String())
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, want[i]) || strings.Contains(line, ", row ") != places || !strings.Contains(line, "event "+event) {
				t.Errorf("%s: %q, not %q", name, line, want[i])
			}
		}
	}
	nowhere := settings.Storage{Data: filepath.Join(dir, "nothing here")}
	check("by files", commands.TicketVerify{Storage: nowhere, Keys: keys, List: list, Plan: plan, Tokens: tokens}, true)
	check("without a plan", commands.TicketVerify{Storage: nowhere, Keys: keys, List: list, Tokens: tokens}, false)
	check("by the database", commands.TicketVerify{Storage: storage, Tokens: tokens}, true)

	var out bytes.Buffer
	if err := (commands.TicketVerify{Storage: storage, Tokens: slices.Concat(good, elsewhere)}).Run(t.Context(), Office, nil, &out); err != nil || strings.Count(out.String(), "ok ") != 2 {
		t.Errorf("two events: %v\n%s", err, out.String())
	}
	out.Reset()
	if err := (commands.TicketVerify{Storage: nowhere, Keys: keys, List: list, Tokens: elsewhere}).Run(t.Context(), Office, nil, &out); err == nil || !strings.Contains(out.String(), ticket.ErrAnotherEvent.Error()) {
		t.Errorf("of another event than the list: %v\n%s", err, out.String())
	}
	if err := (commands.TicketList{Storage: storage, Event: id.FromSource("event", "none")}).Run(t.Context(), Office, io.Discard); err == nil {
		t.Error("there is a list of an event that does not exist")
	}
}
