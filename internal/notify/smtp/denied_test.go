package smtp

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"boxoffice/internal/notify/mail"
)

// A server that does not relay for this client is an outage: no mail is lost. Before that
// is certain, or when it is said of one domain only, the mail is tried again. A mailbox that
// does not exist is not mistaken for that.
func TestRelayDenied(t *testing.T) {
	for _, denial := range []string{"554 5.7.1 <ann@a.example>: Relay access denied", "550 5.7.1 Relaying denied", "550 relay not permitted", "530 5.7.0 Must issue a STARTTLS command first",
		"553 sorry, that domain isn't in my list of allowed rcpthosts", "550 5.7.1 Client was not authenticated", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "503 5.5.4 Error: send AUTH first"} {
		t.Run(denial, func(t *testing.T) {
			var denies atomic.Bool
			denies.Store(true)
			srv := start(t, func(s *server) {
				s.answer = func(command string) string {
					if denies.Load() && command == "RCPT" {
						return denial
					}
					return ""
				}
			})
			s := sender(t, srv, nil)
			var away *mail.Unavailable
			var refused *mail.Refused
			for i := range 6 {
				_, err := s.Send(t.Context(), letter(fmt.Sprint(i), "ann@same.example"))
				if err == nil || errors.As(err, &away) || errors.As(err, &refused) {
					t.Fatalf("about one domain: %v", err)
				}
			}
			denies.Store(false)
			send(t, s, letter("ok", "bob@b.example"))
			denies.Store(true)
			for i, to := range []string{"ann@a.example", "bob@b.example", "cleo@c.example", "ann@a.example"} {
				_, err := s.Send(t.Context(), letter(fmt.Sprint(i), to))
				if errors.As(err, &refused) || errors.As(err, &away) != (i >= 2) {
					t.Errorf("%d: %v", i, err)
				}
			}
			denies.Store(false)
			send(t, s, letter("back", "ann@a.example"))
		})
	}
	for answer, dead := range map[string]bool{"550 5.1.1 <relay@a.example>: Recipient address rejected: User unknown in relay recipient table": true, "550 <auth@relay.example> no such user": false,
		"550 5.2.1 disabled": true, "552 5.2.2 mailbox full": false, "554 5.7.1 spam": false} {
		if denied(550, answer) || mail.Dead(enhanced(answer)) != dead {
			t.Errorf("%s: denied %v, dead %v", answer, denied(550, answer), mail.Dead(enhanced(answer)))
		}
	}
}

// Mails come back to an address of their own.
func TestBounceAddress(t *testing.T) {
	srv := start(t, nil)
	send(t, sender(t, srv, func(c *Config) { c.Bounces = "bounces@example.org" }), letter("1", "ann@example.org"))
	if got := srv.got(); len(got) != 1 || !strings.HasPrefix(got[0].from, "<bounces@example.org>") || strings.Contains(got[0].data, "bounces@") {
		t.Errorf("%+v", got)
	}
}
