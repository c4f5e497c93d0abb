package app

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus/natsbus/natstest"
	"boxoffice/internal/caller"
	"boxoffice/internal/commands"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// until waits for something.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	patience.Until(t, what, done)
}

// A message that cannot be consumed becomes a dead letter, which the commands list,
// show, replay and drop while the server runs.
func TestDeadLetters(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("the embedded folder; the commands are the same")
	}
	at := settings.Storage{Data: t.TempDir()}
	err := with(t.Context(), at, "", slog.New(slog.DiscardHandler), func(p *Parts) error {
		return p.DB.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO payments_paid (event_id, id, payments) VALUES ('event', 'row', 'nonsense')`)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := (commands.DeadList{Storage: at}).Run(t.Context(), Office, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if text := list(); text != "no dead letters\n" {
		t.Errorf("at first: %s", text)
	}
	serving(t, settings.Server{Storage: at})
	const name = "notify/payments/event/row"
	until(t, "there is a dead letter", func() bool { return strings.HasPrefix(list(), name+"  captured  1 try  ") })
	var out bytes.Buffer
	if err := (commands.DeadShow{Storage: at, Name: name}).Run(t.Context(), Office, &out); err != nil || !strings.Contains(out.String(), `"unreadable": "nonsense"`) {
		t.Errorf("%v: %s", err, out.String())
	}
	out.Reset()
	choice := commands.DeadChoice{Storage: at, Names: []string{name}}
	if err := (commands.DeadReplay{DeadChoice: choice}).Run(t.Context(), Office, &out); err != nil || !strings.HasPrefix(out.String(), "1 dead letter is consumed again") {
		t.Errorf("%v: %s", err, out.String())
	}
	until(t, "the replay fails", func() bool { return strings.HasPrefix(list(), name+"  captured  2 tries  ") })
	if err := (commands.DeadDrop{DeadChoice: commands.DeadChoice{Storage: at, Names: []string{name + "x"}}}).Run(t.Context(), Office, &out); err == nil || !strings.Contains(err.Error(), "there is no dead letter") {
		t.Errorf("another name: %v", err)
	}
	out.Reset()
	if err := (commands.DeadDrop{DeadChoice: commands.DeadChoice{Storage: at, All: true}}).Run(t.Context(), Office, &out); err != nil || out.String() != "1 dead letter was dropped\n" {
		t.Errorf("%v: %s", err, out.String())
	}
	if text := list(); text != "no dead letters\n" {
		t.Errorf("after all: %s", text)
	}
	for _, wrong := range []commands.DeadChoice{{Storage: at}, {Storage: at, All: true, Names: []string{name}}, {Storage: at, Names: []string{"notify/row"}}} {
		if err := (commands.DeadDrop{DeadChoice: wrong}).Run(t.Context(), Office, &out); settings.ExitStatus(err) != settings.WrongUsage {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// Two nodes on one database hear of each other through NATS: seats, sessions and paid
// bookings, refunds. Without it, everything goes on.
func TestNodesOverNATS(t *testing.T) {
	server := natstest.Start(t)
	url := sqldbtest.Postgres(t)
	box := &letterbox{}
	node := func() *house {
		s := &settings.Server{Storage: settings.Storage{Data: t.TempDir(), DatabaseURL: url}, NATSURL: server.URL, Payments: "sandbox"}
		n, err := Start(t.Context(), s, sqldbtest.Again(t, sqldb.Config{URL: url}), Substitutes{Sender: box, Outside: Outside{Hashing: cheap}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return &house{Parts: n.Parts, door: n.gateway}
	}
	a, b := node(), node()
	until(t, "both are connected", func() bool { return a.nats.Connected() && b.nats.Connected() })
	heard := make(chan string, 1000) // events of which the other node hears from the stream
	listening, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Bookings.Overhear(listening, ledger.Listener{Listens: func() bool { return true }, Wants: func(string, int64) bool { return true },
			Hear: func(entries []ledger.Entry) { heard <- entries[0].EventID }})
	}()
	defer func() { cancel(); <-ended }()
	listener := a.visitor(t, "listener")
	overhears := func() {
		t.Helper()
		until(t, "the other node hears of events from the stream", func() bool { // not before it has made the stream
			_, event := a.bought(t, listener, 1, "")
			for end := time.After(time.Second); ; {
				select {
				case id := <-heard:
					if id == event {
						return true
					}
				case <-end:
					return false
				}
			}
		})
	}
	purchase := func(who string) {
		t.Helper()
		ann := a.visitor(t, who)
		booking, event := a.bought(t, ann, 2, paymentapi.SandboxOK)
		until(t, "the other node shows what is sold", func() bool {
			c, err := bookingapi.One(t.Context(), b.Bookings.Counts, "event", event)
			if err != nil {
				t.Fatal(err)
			}
			return c.Sold == 2
		})
		until(t, "the buyer is told", func() bool { return box.count(who+"@example.org") == 1 })
		later := "2099-05-02T19:30"
		if _, err := b.Events.Update(t.Context(), caller.System, event, 0, eventapi.Update{EventTime: &later}); err != nil {
			t.Fatal(err)
		}
		until(t, "the other node shows when it is", func() bool {
			return strings.HasPrefix(a.must(t, ann, "GET", "/events/"+event, "", "event_time"), "2099-05-02")
		})
		until(t, "the buyer is told that it was moved", func() bool { return box.changed(who+"@example.org") == 1 })
		if w := a.ask(t, ann, "DELETE", "/bookings/"+booking, ""); w.Code != 200 {
			t.Fatal(w.Body)
		}
		until(t, "the buyer is told of the refund", func() bool { return box.count(who+"@example.org") == 2 })
		if w := b.ask(t, ann, "GET", "/users/"+ann.UserID, ""); w.Code != 200 {
			t.Fatal(w.Body)
		}
		if w := a.ask(t, ann, "POST", "/users/logout", ""); w.Code >= 300 {
			t.Fatal(w.Body)
		}
		until(t, "the session has ended on the other node", func() bool { return b.ask(t, ann, "GET", "/users/"+ann.UserID, "").Code == 401 })
	}
	warned := func(h *house) bool {
		w := h.ask(t, a.account(t, caller.Customer), "GET", "/readyz", "")
		if w.Code != 200 {
			t.Errorf("not ready: %d", w.Code)
		}
		return strings.Contains(w.Body.String(), "NATS")
	}
	overhears()
	purchase("ann")
	if warned(a) {
		t.Error("it warns of NATS")
	}
	server.Kill()
	until(t, "both notice", func() bool { return !a.nats.Connected() && !b.nats.Connected() })
	if !warned(a) || !warned(b) {
		t.Error("it does not warn of NATS")
	}
	purchase("bob")
	server.Wipe()
	server.Again()
	until(t, "both are connected again", func() bool { return a.nats.Connected() && b.nats.Connected() })
	overhears()
	purchase("cleo")
	for _, who := range []string{"ann", "bob", "cleo"} {
		if n, changed := box.count(who+"@example.org"), box.changed(who+"@example.org"); n != 2 || changed != 1 {
			t.Errorf("%s got %d mails about tickets and money, and %d about the change", who, n, changed)
		}
	}
}

// letterbox counts the mails to each address: those about tickets and
// money, and those about a change.
type letterbox struct {
	mu          sync.Mutex
	to, changes map[string]int
}

func (l *letterbox) Send(_ context.Context, m *mail.Mail) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to == nil {
		l.to, l.changes = map[string]int{}, map[string]int{}
	}
	if strings.HasPrefix(m.Subject, "[TEST] Changed:") {
		l.changes[m.To]++
	}
	if strings.Contains(m.Subject, "tickets") || strings.Contains(m.Subject, "Refund") {
		l.to[m.To]++
	}
	return "", nil
}

func (l *letterbox) Close() {}

func (l *letterbox) changed(to string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes[to]
}

func (l *letterbox) count(to string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to[to]
}
