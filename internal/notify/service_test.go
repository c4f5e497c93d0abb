package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/smtp"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

var _ notifyapi.Service = (*Service)(nil)

func TestContract(t *testing.T) {
	notifytest.Test(t, func(t *testing.T) *notifytest.World {
		w := newWorld(t)
		s := w.node(t, nil)
		runs(t, s)
		return &notifytest.World{Service: s, Settle: w.settle, Arrived: w.server.arrived}
	})
}

// Several nodes send together: each notice once.
func TestSeveralNodes(t *testing.T) {
	w := newWorld(t)
	first := w.node(t, nil)
	runs(t, first)
	runs(t, w.node(t, nil))
	runs(t, w.node(t, func(c *Config) { c.Parallel = 1 }))
	const notices = 300
	for i := 0; i < notices; i += 10 {
		var list []notifyapi.Notice
		for j := range 10 {
			list = append(list, notifytest.Code(fmt.Sprint(i+j), fmt.Sprintf("fan%d@example.org", i+j)))
		}
		notify(t, first, list...)
	}
	w.settle(t)
	ids, _ := w.server.sent()
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); len(ids) != notices || n != notices {
		t.Errorf("%d mails, %d different ones", len(ids), n)
	}
}

// The log keeps who was told what and what the server said, and no secret.
func TestLog(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	notify(t, s, notifytest.Code("1", "ann@example.org"), notifytest.Booked("2", "bob@example.org", "de"))
	if l := w.line(t, "2"); l.state != queued || !strings.Contains(l.data, "token=secret") {
		t.Errorf("%+v", l)
	}
	w.server.behave(func(_ context.Context, m *mail.Mail) error {
		if m.To == "bob@example.org" {
			return &mail.Refused{Answer: "550 5.1.1 no such user\x00"}
		}
		return nil
	})
	runs(t, s)
	w.settle(t)
	if l := w.line(t, "1"); l.state != sent || l.answer != "250 2.0.0 taken" || l.data != "" || l.recipient != "ann@example.org" || l.done == 0 || l.tries != 1 {
		t.Errorf("%+v", l)
	}
	if l := w.line(t, "2"); l.state != failed || l.answer != "550 5.1.1 no such user" || l.data != "" || l.tries != 1 {
		t.Errorf("%+v", l)
	}
	if n := w.count(t, `kind = 'booked' AND event_id = 'e' AND booking_id = 'eb' AND user_id = 'u'`); n != 1 {
		t.Error(n)
	}
	notify(t, s, notifytest.Code("3", "no address"))
	if l := w.line(t, "3"); l.state != failed || l.answer != "this is no email address" || l.data != "" {
		t.Errorf("%+v", l)
	}
}

// A server that cannot be reached stops sending and costs no notice an attempt; all go
// out when it is back.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, nil)
		w.server.behave(func(context.Context, *mail.Mail) error { return errAway })
		runs(t, s)
		for i := range 50 {
			notify(t, s, notifytest.Code(fmt.Sprint(i), "ann@example.org"))
		}
		time.Sleep(time.Hour)
		_, tried := w.server.sent()
		if n := len(tried); n < 30 || n > 60*s.cfg.Parallel+50 {
			t.Errorf("%d attempts in an hour", n)
		}
		if n := w.count(t, `state = 'queued' AND tries = 0`); n != 50 {
			t.Errorf("%d of 50 wait without an attempt", n)
		}
		w.server.behave(nil)
		time.Sleep(longestOutage + 5*time.Second)
		if ids, _ := w.server.sent(); len(ids) != 50 {
			t.Errorf("%d of 50 arrived", len(ids))
		}
	})
}

// A mail that is refused for now is tried again after growing pauses, and given up in
// the end; others go out meanwhile.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, nil)
		runs(t, s)
		full := func(_ context.Context, m *mail.Mail) error {
			if m.To == "full@example.org" {
				return errors.New("452 4.2.2 mailbox full")
			}
			return nil
		}
		w.server.behave(full)
		short := notifytest.Code("short", "full@example.org")
		short.Until = time.Now().Add(10 * time.Minute)
		notify(t, s, notifytest.Code("1", "full@example.org"), short, notifytest.Code("2", "ann@example.org"))
		time.Sleep(5 * time.Second)
		if ids, _ := w.server.sent(); !slices.Equal(ids, []string{"2"}) {
			t.Error(ids)
		}
		if l := w.line(t, "1"); l.state != queued || l.answer != "452 4.2.2 mailbox full" || l.tries != 1 {
			t.Errorf("%+v", l)
		}
		time.Sleep(10 * time.Minute)
		if l := w.line(t, "short"); l.state != failed || l.answer != "452 4.2.2 mailbox full" {
			t.Errorf("%+v", l)
		}
		tries := w.line(t, "1").tries
		if tries < 4 || tries > 7 {
			t.Errorf("%d attempts in 10 minutes", tries)
		}
		w.server.behave(nil)
		time.Sleep(time.Hour)
		if l := w.line(t, "1"); l.state != sent {
			t.Errorf("%+v", l)
		}
		w.server.behave(full)
		last := notifytest.Code("3", "full@example.org")
		last.Until = time.Now().Add(6 * time.Hour)
		notify(t, s, last)
		time.Sleep(6*time.Hour + time.Second)
		if l := w.line(t, "3"); l.state != failed || l.tries < 12 || l.tries > 15 {
			t.Errorf("%+v", l)
		}
	})
}

// A node that dies with notices in its hands loses none: another sends them.
func TestDeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dead := w.node(t, nil)
		notify(t, dead, notifytest.Code("1", "ann@example.org"), notifytest.Code("2", "bob@example.org"))
		if list, err := dead.claim(t.Context(), 10); err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		runs(t, w.node(t, nil))
		time.Sleep(claimLife - time.Second)
		if ids, _ := w.server.sent(); len(ids) != 0 {
			t.Errorf("%v were sent while another node may be sending them", ids)
		}
		time.Sleep(5 * time.Second)
		if ids, _ := w.server.sent(); len(ids) != 2 {
			t.Errorf("%v were sent", ids)
		}
	})
}

// A mail server that takes its time gets a mail once, however many nodes there are: the
// claim of a mail under way is renewed. Mails behind it that were claimed and not begun go
// to another node.
func TestSlowMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.behaveAtOnce(func(_ context.Context, m *mail.Mail) error {
			if m.ID == "slow" {
				time.Sleep(10 * time.Minute)
			}
			return nil
		})
		s := w.node(t, func(c *Config) { c.Parallel = 1 })
		notify(t, s, notifytest.Code("slow", "ann@example.org"), notifytest.Booked("behind", "bob@example.org", "en"))
		runs(t, s)
		time.Sleep(time.Second)
		runs(t, w.node(t, nil))
		notify(t, s, notifytest.Code("other", "cleo@example.org"))
		time.Sleep(claimLife + 5*time.Second)
		if ids, _ := w.server.sent(); !slices.Contains(ids, "behind") || !slices.Contains(ids, "other") || len(ids) != 2 {
			t.Errorf("after three minutes: %v", ids)
		}
		time.Sleep(10 * time.Minute)
		if ids, tried := w.server.sent(); len(ids) != 3 || len(tried) != 3 || w.line(t, "slow").state != sent || w.line(t, "slow").tries != 1 {
			t.Errorf("%v, %d attempts, %+v", ids, len(tried), w.line(t, "slow"))
		}
		if n := len(s.holds.old(time.Now().Add(time.Hour))); n != 0 {
			t.Errorf("%d claims are renewed for ever", n)
		}
	})
}

// A mail whose claim is about to end is not begun.
func TestOldClaim(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	notify(t, s, notifytest.Code("1", "ann@example.org"))
	list, err := s.store.claim(t.Context(), waitedFor, time.Now(), time.Now().Add(beginTime-time.Second), 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if o := s.one(t.Context(), list[0]); !o.release {
		t.Errorf("%+v", o)
	}
	if _, tried := w.server.sent(); len(tried) != 0 {
		t.Error("it was begun")
	}
}

// The only node of a database has its notices back at once after a crash.
func TestRestart(t *testing.T) {
	w := &world{db: sqldbtest.Again(t, sqldb.Config{Dir: t.TempDir(), Synchronous: "OFF"}), server: &server{}}
	t.Cleanup(func() { _ = w.db.Close() })
	dead := w.node(t, nil)
	notify(t, dead, notifytest.Code("1", "ann@example.org"))
	if list, err := dead.claim(t.Context(), 10); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	runs(t, w.node(t, nil))
	w.settle(t)
	if l := w.line(t, "1"); l.state != sent || l.tries != 1 {
		t.Errorf("%+v", l)
	}
}

// A node that ends finishes what is under way, if that takes only a moment, and leaves
// the rest to others at once.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, func(c *Config) { c.Parallel = 1 })
		w.server.behaveAtOnce(func(ctx context.Context, m *mail.Mail) error {
			wait := 5 * time.Second
			if m.To == "slow@example.org" {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		end := runs(t, s)
		notify(t, s, notifytest.Code("1", "ann@example.org"))
		time.Sleep(2 * time.Second)
		notify(t, s, notifytest.Code("2", "slow@example.org"), notifytest.Code("3", "bob@example.org"))
		end()
		if ids, _ := w.server.sent(); !slices.Equal(ids, []string{"1"}) || w.line(t, "1").state != sent {
			t.Errorf("%v", ids)
		}
		next := w.node(t, func(c *Config) { c.Parallel = 1 })
		end = runs(t, next)
		time.Sleep(time.Second)
		began := time.Now()
		end()
		if took := time.Since(began); took > grace+time.Second {
			t.Errorf("it took %v to end", took)
		}
		if n := w.count(t, `state = 'queued' AND claim = '' AND tries = 0`); n != w.count(t, `state = 'queued'`) {
			t.Errorf("%d notices are free", n)
		}
	})
}

// A mail that the server took is recorded even if the database is away at that moment,
// and not sent again.
func TestDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, nil)
		w.server.behaveAtOnce(func(ctx context.Context, _ *mail.Mail) error { return w.rename(ctx, "notices", "hidden") })
		runs(t, s)
		notify(t, s, notifytest.Code("1", "ann@example.org"))
		time.Sleep(5 * time.Minute)
		if ids, _ := w.server.sent(); len(ids) != 1 {
			t.Fatal(ids)
		}
		w.server.behave(nil)
		if err := w.rename(t.Context(), "hidden", "notices"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if ids, _ := w.server.sent(); len(ids) != 1 || w.line(t, "1").state != sent {
			t.Errorf("%v, %+v", ids, w.line(t, "1"))
		}
	})
}

// rename takes the table away from the service, or gives it back.
func (w *world) rename(ctx context.Context, from, to string) error {
	return w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `ALTER TABLE `+from+` RENAME TO `+to)
		return err
	})
}

// A code that somebody waits for does not wait behind confirmations.
func TestUrgentFirst(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, func(c *Config) { c.Parallel = 1 })
	var list []notifyapi.Notice
	for i := range 20 {
		list = append(list, notifytest.Booked(fmt.Sprint("b", i), "ann@example.org", "en"))
	}
	notify(t, s, append(list, notifytest.Code("code", "bob@example.org"))...)
	runs(t, s)
	w.settle(t)
	if ids, _ := w.server.sent(); len(ids) != 21 || ids[0] != "code" {
		t.Error(ids)
	}
}

// What panics or fails while a mail is written delays that mail only.
func TestAttachmentsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var broken atomic.Bool
		broken.Store(true)
		s := w.node(t, func(c *Config) {
			c.Files = func(_ context.Context, n *notifyapi.Notice) ([]mail.File, error) {
				switch {
				case n.ID == "1" && broken.Load():
					panic("planned")
				case n.ID == "2" && broken.Load():
					return nil, errors.New("planned")
				}
				return []mail.File{{Name: "event.ics", Type: "text/calendar"}}, nil
			}
		})
		runs(t, s)
		notify(t, s, notifytest.Code("1", "ann@example.org"), notifytest.Code("2", "bob@example.org"), notifytest.Code("3", "cleo@example.org"))
		time.Sleep(2 * time.Second)
		if ids, _ := w.server.sent(); !slices.Equal(ids, []string{"3"}) {
			t.Error(ids)
		}
		broken.Store(false)
		time.Sleep(time.Minute)
		if ids, _ := w.server.sent(); len(ids) != 3 {
			t.Error(ids)
		}
	})
}

// A notice that cannot be read is put aside, and said so once; the others are sent.
func TestUnreadable(t *testing.T) {
	for _, change := range []string{`data = ''`, `data = '{"name":'`, `data = '[1]'`, `data = 'secret'`} {
		t.Run(change, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var log strings.Builder
				s := w.node(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
				notify(t, s, notifytest.Code("1", "ann@example.org"), notifytest.Code("2", "bob@example.org"), notifytest.Booked("3", "cleo@example.org", "en"))
				err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.Exec(`UPDATE notices SET ` + change + ` WHERE id = '1'`)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				end := runs(t, s)
				time.Sleep(10 * time.Second)
				end()
				if ids, _ := w.server.sent(); len(ids) != 2 {
					t.Errorf("%v were sent", ids)
				}
				if l := w.line(t, "1"); l.state != failed || l.done == 0 || l.data != "" {
					t.Errorf("%+v", l)
				}
				if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "cannot be read") || strings.Contains(text, "secret") {
					t.Errorf("the log says %s", text)
				}
			})
		})
	}
}

// A mail that a slow server takes after minutes is sent once, whichever nodes are at work.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.node(t, nil)
		w.server.behaveAtOnce(func(ctx context.Context, _ *mail.Mail) error {
			select {
			case <-time.After(smtp.MailTime):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		runs(t, first)
		runs(t, w.node(t, nil))
		notify(t, first, notifytest.Code("1", "ann@example.org"))
		time.Sleep(time.Hour)
		if ids, tried := w.server.sent(); len(ids) != 1 || len(tried) != 1 || w.line(t, "1").state != sent {
			t.Errorf("%v, %d attempts, %+v", ids, len(tried), w.line(t, "1"))
		}
	})
}

// The log of the program names no recipients, though answers of mail servers do.
func TestLogNamesNobody(t *testing.T) {
	for answer, want := range map[string]string{
		"550 5.1.1 <Ann.Lee@example.org>: no such user":          "550 5.1.1 <…>: no such user",
		"550 ann.lee is unknown here; ask admin@hall.example":    "550 … is unknown here; ask …",
		"550 5.1.1 no such user (ann.lee@xn--bcher-kva.example)": "550 5.1.1 no such user (…)",
		"554 5.7.1 spam": "554 5.7.1 spam",
	} {
		if got := anonymous(answer, "ann.lee@example.org"); got != want {
			t.Errorf("%q becomes %q", answer, got)
		}
	}
	w := newWorld(t)
	var log strings.Builder
	s := w.node(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	w.server.behave(func(_ context.Context, m *mail.Mail) error { return &mail.Refused{Answer: "550 " + m.To + " unknown"} })
	notify(t, s, notifytest.Code("1", "ann@example.org"))
	end := runs(t, s)
	w.settle(t)
	end()
	if text := log.String(); strings.Contains(text, "ann@") || !strings.Contains(text, "550 ") {
		t.Error(text)
	}
}

// Mails to one domain keep to its rate; others pass them.
func TestPerDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, func(c *Config) { c.PerDomain = 10 })
		runs(t, s)
		var list []notifyapi.Notice
		for i := range 200 {
			list = append(list, notifytest.Code(fmt.Sprint("big", i), fmt.Sprintf("fan%d@big.example", i)))
		}
		notify(t, s, append(list, notifytest.Code("small", "ann@small.example"))...)
		time.Sleep(5 * time.Second)
		ids, _ := w.server.sent()
		if len(ids) < 40 || len(ids) > 65 || !slices.Contains(ids, "small") {
			t.Errorf("%d in 5 seconds", len(ids))
		}
		time.Sleep(30 * time.Second)
		if ids, _ := w.server.sent(); len(ids) != 201 {
			t.Errorf("%d of 201", len(ids))
		}
		if n := w.count(t, `tries <> 1`); n != 0 {
			t.Errorf("%d notices count more than one attempt", n)
		}
	})
}

// Within the rate of a domain, codes and links that people wait for go before all others,
// also those that came long before.
func TestUrgentFirstPerDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, func(c *Config) { c.PerDomain = 1 })
		runs(t, s)
		var list []notifyapi.Notice
		for i := range 2000 {
			n := notifytest.Booked(fmt.Sprint("b", i), fmt.Sprintf("fan%d@big.example", i), "en")
			if i%2 == 0 {
				n = notifytest.Code(n.ID, n.To)
				n.Kind, n.Data = notifyapi.PasswordChanged, notifyapi.Data{}
			}
			list = append(list, n)
		}
		notify(t, s, list...)
		time.Sleep(10 * time.Second)
		for i, kind := range []notifyapi.Kind{notifyapi.Code, notifyapi.Verify, notifyapi.Reset} {
			n := notifytest.Code(fmt.Sprint("urgent", i), "ann@big.example")
			n.Kind, n.Data.Link = kind, "https://tickets.example/x?token=y"
			notify(t, s, n)
		}
		before, _ := w.server.sent()
		time.Sleep(8 * time.Second)
		ids, _ := w.server.sent()
		for i := range 3 {
			if at := slices.Index(ids, fmt.Sprint("urgent", i)); at < 0 || at > len(before)+5 {
				t.Errorf("urgent%d is mail %d, after %d: %+v", i, at, len(before), w.line(t, fmt.Sprint("urgent", i)))
			}
		}
		if len(ids) > 22 {
			t.Errorf("%d mails in 18 seconds", len(ids))
		}
		time.Sleep(time.Minute)
		if more, _ := w.server.sent(); len(more) < len(ids)+40 {
			t.Errorf("%d more in a minute", len(more)-len(ids))
		}
	})
}

// Whoever deletes their account is told nothing more, and their address leaves the log.
func TestForgetPerson(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	mine := func(id string) notifyapi.Notice {
		n := notifytest.Code(id, "ann@example.org")
		n.UserID = "ann"
		return n
	}
	notify(t, s, mine("1"), notifytest.Booked("2", "bob@example.org", "en"), notifytest.Code("3", "cleo@example.org"))
	end := runs(t, s)
	w.settle(t)
	end()
	notify(t, s, mine("4"))
	for range 2 {
		if err := s.Forget(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, s)
	w.settle(t)
	if ids, _ := w.server.sent(); len(ids) != 3 {
		t.Error(ids)
	}
	if n := w.count(t, `recipient = '' AND data = '' AND answer = ''`); n != 2 {
		t.Errorf("%d lines are empty", n)
	}
	if l := w.line(t, "1"); l.state != sent {
		t.Errorf("%+v", l)
	}
	if l := w.line(t, "4"); l.state != failed || l.done == 0 {
		t.Errorf("%+v", l)
	}
	if l := w.line(t, "2"); l.recipient != "bob@example.org" {
		t.Errorf("%+v", l)
	}
	if err := s.Forget(t.Context(), ""); err != nil || w.line(t, "3").recipient == "" {
		t.Errorf("%v", err)
	}
}

// The log is forgotten after a while.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, nil)
		end := runs(t, s)
		notify(t, s, notifytest.Code("1", "ann@example.org"))
		time.Sleep(time.Second)
		end()
		time.Sleep(logKept)
		notify(t, s, notifytest.Code("2", "ann@example.org"))
		runs(t, s)
		time.Sleep(time.Minute)
		if n := w.count(t, `id = '1'`); n != 0 {
			t.Error("the old line stays")
		}
		if l := w.line(t, "2"); l.state != sent {
			t.Errorf("%+v", l)
		}
	})
}

// A notice of a kind that a later version knows waits for a node that knows it.
func TestUnknownKindWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.node(t, nil)
		notify(t, s, notifytest.Code("1", "ann@example.org"))
		err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE notices SET kind = 'of-tomorrow'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		runs(t, s)
		time.Sleep(time.Hour)
		if l := w.line(t, "1"); l.state != queued || l.data == "" {
			t.Errorf("%+v", l)
		}
	})
}
