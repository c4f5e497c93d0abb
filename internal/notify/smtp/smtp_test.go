package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/notify/mail"
)

var _ mail.Sender = (*Sender)(nil)

// sender makes a sender for a server; change, if not nil, configures it.
func sender(t *testing.T, s *server, change func(*Config)) *Sender {
	t.Helper()
	cfg := Config{Host: "127.0.0.1", Port: s.port(), Clear: true, From: mail.Address{Name: "Old Hall", Address: "tickets@hall.example"}, Connections: 1, Roots: s.roots}
	if change != nil {
		change(&cfg)
	}
	out, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return out
}

func letter(id, to string) *mail.Mail {
	return &mail.Mail{ID: id, To: to, Lang: "en", Subject: "Grüße ✓", Text: "Hello\n.\nThere", HTML: "<p>Hello", Date: time.Now(),
		Files: []mail.File{{Name: "tickets.pdf", Type: "application/pdf", Body: []byte("%PDF")}}}
}

func send(t *testing.T, s *Sender, m *mail.Mail) {
	t.Helper()
	if answer, err := s.Send(t.Context(), m); err != nil || !strings.HasPrefix(answer, "250 2.0.0 queued") {
		t.Errorf("%q %v", answer, err)
	}
}

// Mails arrive whole, over a connection that stays open, with headers that make them
// recognizable.
func TestSend(t *testing.T) {
	srv := start(t, nil)
	s := sender(t, srv, nil)
	for i := range 5 {
		send(t, s, letter(fmt.Sprint(i), fmt.Sprintf("fan%d@example.org", i)))
	}
	send(t, s, letter("4", "fan4@example.org"))
	got := srv.got()
	if len(got) != 6 || srv.connected() != 1 {
		t.Fatalf("%d mails over %d connections", len(got), srv.connected())
	}
	if got[0].from != "<tickets@hall.example> BODY=8BITMIME" || got[0].to != "fan0@example.org" {
		t.Errorf("%+v", got[0])
	}
	for _, part := range []string{"From: \"Old Hall\" <tickets@hall.example>", "To: <fan0@example.org>", "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe_=E2=9C=93?=", "@hall.example>", "Auto-Submitted: auto-generated", "filename=\"tickets.pdf\"", "multipart/alternative"} {
		if !strings.Contains(got[0].data, part) {
			t.Errorf("no %s in\n%s", part, got[0].data)
		}
	}
	id := func(m received) string {
		_, rest, _ := strings.Cut(m.data, "Message-ID: ")
		id, _, _ := strings.Cut(rest, "\r\n")
		return id
	}
	if id(got[4]) != id(got[5]) || id(got[3]) == id(got[4]) || id(got[0]) == "" {
		t.Errorf("Message-IDs %s, %s and %s", id(got[3]), id(got[4]), id(got[5]))
	}
}

// Nothing is sent in the clear unless that is allowed.
func TestTLS(t *testing.T) {
	secure, roots := certificate(t)
	plain := start(t, nil)
	var away *mail.Unavailable
	if _, err := sender(t, plain, func(c *Config) { c.Clear = false }).Send(t.Context(), letter("1", "ann@example.org")); !errors.As(err, &away) {
		t.Errorf("without STARTTLS: %v", err)
	}
	if got := plain.got(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	starttls := start(t, func(s *server) { s.secure, s.roots = secure, roots })
	send(t, sender(t, starttls, func(c *Config) { c.Clear, c.User, c.Password = false, "u", "p" }), letter("1", "ann@example.org"))
	implicit := start(t, func(s *server) { s.secure, s.roots, s.implicit = secure, roots, true })
	send(t, sender(t, implicit, func(c *Config) { c.Clear, c.TLS, c.User, c.Password = false, true, "u", "p" }), letter("2", "ann@example.org"))
	for _, srv := range []*server{starttls, implicit} {
		if got := srv.got(); len(got) != 1 || !got[0].secure || got[0].user != "/u/p" {
			t.Errorf("%+v", got)
		}
	}
	if _, err := sender(t, implicit, func(c *Config) { c.TLS, c.Roots = true, nil }).Send(t.Context(), letter("3", "ann@example.org")); !errors.As(err, &away) {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
}

// What an answer means depends on its code, and on whom it refuses.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ at, answer, want string }{
		{"RCPT", "550 5.1.1 no such user", "refused"},
		{"RCPT", "450 4.2.1 greylisted", "later"},
		{"RCPT", "421 4.3.2 shutting down", "later"},
		{"MAIL", "550 5.7.1 you may not send", "unavailable"},
		{"MAIL", "451 4.3.0 busy", "later"},
		{"DATA", "451 4.3.0 busy", "later"},
		{"DATA", "554 5.7.1 no", "refused"},
		{".", "554 5.7.1 spam", "refused"},
		{".", "452 4.3.1 disk full", "later"},
		{"banner", "554 5.3.2 go away", "unavailable"},
		{"banner", "421 4.3.2 too busy", "unavailable"},
		{"EHLO", "cut", "unavailable"},
		{"AUTH", "535 5.7.8 wrong password", "unavailable"},
	} {
		t.Run(c.at+" "+c.answer, func(t *testing.T) {
			secure, roots := certificate(t)
			var bad atomic.Bool
			bad.Store(true)
			srv := start(t, func(s *server) {
				s.secure, s.roots = secure, roots
				s.answer = func(command string) string {
					if bad.Load() && (command == c.at || command == "content" && c.at == ".") {
						return c.answer
					}
					return ""
				}
			})
			s := sender(t, srv, func(c *Config) { c.User, c.Password = "u", "p" })
			_, err := s.Send(t.Context(), letter("1", "ann@example.org"))
			var refused *mail.Refused
			var away *mail.Unavailable
			got := "later"
			switch {
			case err == nil:
				got = "sent"
			case errors.As(err, &refused):
				got = "refused"
				if refused.Answer != c.answer {
					t.Errorf("the log says %q", refused.Answer)
				}
			case errors.As(err, &away):
				got = "unavailable"
			case err.Error() != c.answer:
				t.Errorf("the log says %q", err)
			}
			if got != c.want {
				t.Errorf("%s: %v", got, err)
			}
			bad.Store(false)
			send(t, s, letter("2", "bob@example.org")) // the connection, or a new one, is in order
			if mails := srv.got(); len(mails) != 1 || mails[0].to != "bob@example.org" {
				t.Errorf("%+v", mails)
			}
		})
	}
}

// A connection that breaks loses no mail and doubles none; one that was closed while it
// was idle is replaced at once.
func TestBrokenConnections(t *testing.T) {
	for _, at := range []string{"MAIL", "RCPT", "DATA"} {
		t.Run(at, func(t *testing.T) {
			var cuts atomic.Int64
			srv := start(t, func(s *server) {
				s.answer = func(command string) string {
					if command == at && cuts.Add(-1) >= 0 {
						return "cut"
					}
					return ""
				}
			})
			s := sender(t, srv, nil)
			send(t, s, letter("1", "ann@example.org"))
			cuts.Store(1)
			m := letter("2", "bob@example.org")
			if _, err := s.Send(t.Context(), m); err != nil {
				if at == "MAIL" {
					t.Errorf("a connection that was idle: %v", err)
				}
				send(t, s, m)
			}
			if got := srv.got(); len(got) != 2 || got[1].to != "bob@example.org" {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("idle", func(t *testing.T) {
		srv := start(t, nil)
		s := sender(t, srv, func(c *Config) { c.Connections = 2 })
		for i := range 4 {
			send(t, s, letter(fmt.Sprint(i), "ann@example.org"))
			srv.cutAll()
		}
		s.Close()
		send(t, s, letter("5", "ann@example.org"))
		if got := srv.got(); len(got) != 5 {
			t.Errorf("%d mails", len(got))
		}
	})
	t.Run("after RSET", func(t *testing.T) { // the mail was taken before
		srv := start(t, func(s *server) {
			s.answer = func(command string) string {
				if command == "RSET" || command == "QUIT" {
					return "cut"
				}
				return ""
			}
		})
		s := sender(t, srv, nil)
		send(t, s, letter("1", "ann@example.org"))
		send(t, s, letter("2", "ann@example.org"))
		if got := srv.got(); len(got) != 2 {
			t.Errorf("%d mails", len(got))
		}
	})
}

// A server that is silent holds a mail until its time is over, not longer.
func TestSilence(t *testing.T) {
	for _, at := range []string{"banner", "EHLO", "RCPT", "."} {
		t.Run(at, func(t *testing.T) {
			reached := make(chan struct{})
			var once sync.Once
			srv := start(t, func(s *server) {
				s.answer = func(command string) string {
					if command != at {
						return ""
					}
					once.Do(func() { close(reached) })
					return "silence"
				}
			})
			s := sender(t, srv, nil)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-reached
				cancel()
			}()
			if _, err := s.Send(ctx, letter("1", "ann@example.org")); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := gone.Addr().(*net.TCPAddr).Port
	_ = gone.Close()
	s, err := New(Config{Host: "127.0.0.1", Port: port, Clear: true, From: mail.Address{Address: "a@hall.example"}})
	if err != nil {
		t.Fatal(err)
	}
	var away *mail.Unavailable
	if _, err := s.Send(t.Context(), letter("1", "ann@example.org")); !errors.As(err, &away) {
		t.Errorf("nobody listens: %v", err)
	}
}

// Addresses with letters of other scripts before the at sign need a server that knows
// them; all others do without.
func TestAddressesOfAllScripts(t *testing.T) {
	old, modern := start(t, nil), start(t, func(s *server) { s.utf8 = true })
	to, err := mail.Recipient("jürgen@bücher.example")
	if err != nil || to != "jürgen@xn--bcher-kva.example" {
		t.Fatal(to, err)
	}
	var refused *mail.Refused
	if _, err := sender(t, old, nil).Send(t.Context(), letter("1", to)); !errors.As(err, &refused) {
		t.Error(err)
	}
	s := sender(t, modern, nil)
	send(t, s, letter("1", to))
	send(t, s, letter("2", "ann@xn--bcher-kva.example"))
	got := modern.got()
	if len(got) != 2 || got[0].to != to || !strings.Contains(got[0].from, "SMTPUTF8") || strings.Contains(got[1].from, "SMTPUTF8") {
		t.Errorf("%+v", got)
	}
}

// Mails go over as many connections as are allowed, and no more.
func TestConnections(t *testing.T) {
	srv := start(t, nil)
	s := sender(t, srv, func(c *Config) { c.Connections = 3 })
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for j := range 10 {
				if _, err := s.Send(t.Context(), letter(fmt.Sprint(i, j), "ann@example.org")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := srv.connected(); n > 3 || len(srv.got()) != 120 {
		t.Errorf("%d mails over %d connections", len(srv.got()), n)
	}
}

// limited is a connection that knows until when it waits.
type limited struct {
	net.Conn
	until *atomic.Int64
}

func (c limited) SetDeadline(at time.Time) error {
	c.until.Store(at.UnixNano())
	return c.Conn.SetDeadline(at)
}

// A server has ten minutes to take a mail over after its last line: whoever sends it
// again before sends it twice. The next mail on the connection is under no such limit.
func TestPatience(t *testing.T) {
	secure, roots := certificate(t)
	for name, change := range map[string]func(*server){
		"clear":    nil,
		"STARTTLS": func(s *server) { s.secure, s.roots = secure, roots },
		"TLS":      func(s *server) { s.secure, s.roots, s.implicit = secure, roots, true },
	} {
		t.Run(name, func(t *testing.T) {
			var until atomic.Int64
			left := map[string]time.Duration{}
			srv := start(t, func(s *server) {
				if change != nil {
					change(s)
				}
				s.answer = func(command string) string {
					left[command] = time.Until(time.Unix(0, until.Load())) // one connection: not concurrently
					return ""
				}
			})
			s := sender(t, srv, func(c *Config) {
				c.TLS = name == "TLS"
				c.watched = func(conn net.Conn) net.Conn { return limited{conn, &until} }
			})
			for i := range 2 {
				send(t, s, letter(fmt.Sprint(i), "ann@example.org"))
				if left["."] < 10*time.Minute || left["RCPT"] > mailTime {
					t.Errorf("mail %d: %v", i, left)
				}
			}
		})
	}
}
