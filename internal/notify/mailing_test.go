package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// hall is the orders of an event, as recipients of mailings.
type hall struct {
	mu     sync.Mutex
	orders []notifyapi.Notice // by booking id
	fails  func(after string) error
}

// fill sells n tickets more, to people whose addresses begin with name.
func (h *hall) fill(name string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range n {
		id := fmt.Sprintf("%s%06d", name, i)
		h.orders = append(h.orders, notifyapi.Notice{
			To: id + "@example.org", Name: "Fan " + strconv.Itoa(i), Lang: "en", UserID: "u" + id, BookingID: id,
			Data: notifyapi.Data{Link: "https://tickets.example/orders/" + id, Order: &notifyapi.Order{Reference: "R-" + id, Currency: "EUR"}},
		})
	}
	slices.SortFunc(h.orders, func(a, b notifyapi.Notice) int { return strings.Compare(a.BookingID, b.BookingID) })
}

func (h *hall) holders(_ context.Context, _ *notifyapi.Mailing, after string, limit int) (list []notifyapi.Notice, last string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails != nil {
		if err := h.fails(after); err != nil {
			return nil, "", err
		}
	}
	for _, n := range h.orders {
		if n.BookingID > after && len(list) < limit {
			list = append(list, n)
		}
	}
	if len(list) == limit {
		last = list[limit-1].BookingID
	}
	return list, last, nil
}

// reminder is a mailing that is good for tests.
func reminder(id string) notifyapi.Mailing {
	return notifyapi.Mailing{ID: id, Kind: notifyapi.Reminder, EventID: "e", Data: notifyapi.Data{Event: notifytest.Booked("", "", "").Data.Event}}
}

// concert is an event with mailings.
type concert struct {
	*world
	*hall
}

func newConcert(t *testing.T, sold int) *concert {
	t.Helper()
	c := &concert{newWorld(t), &hall{}}
	c.fill("a", sold)
	return c
}

// node makes a node's service that carries out mailings.
func (c *concert) node(t *testing.T, change func(*Config)) *Service {
	t.Helper()
	return c.world.node(t, func(cfg *Config) {
		cfg.Holders = c.holders
		if change != nil {
			change(cfg)
		}
	})
}

func start(t *testing.T, s *Service, m notifyapi.Mailing) {
	t.Helper()
	if err := s.StartMailing(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// of returns a mailing.
func of(t *testing.T, s *Service, id string) notifyapi.Progress {
	t.Helper()
	list, err := s.MailingsOf(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("no mailing %s among %d", id, len(list))
	panic("not reached")
}

// told checks that each of n holders got one mail of a mailing.
func (c *concert) told(t *testing.T, mailing string, n int) {
	t.Helper()
	ids, _ := c.server.sent()
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, mailing+"/") })
	slices.Sort(ids)
	if once := len(slices.Compact(slices.Clone(ids))); len(ids) != n || once != n {
		t.Errorf("%d mails, %d different ones, of %d", len(ids), once, n)
	}
}

// Everybody who has tickets is told once, with what is told to all and what is theirs.
// Progress says how far it is.
func TestMailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sold = 2*ordersAtOnce + 7
		c := newConcert(t, sold)
		s := c.node(t, nil)
		start(t, s, reminder("m"))
		start(t, s, reminder("m")) // again
		if p := of(t, s, "m"); p.State != notifyapi.Running || p.Complete || p.Total != 0 || !p.Ended.IsZero() {
			t.Errorf("before it began: %+v", p)
		}
		runs(t, s)
		time.Sleep(time.Minute)
		c.told(t, "m", sold)
		p := of(t, s, "m")
		if p.State != notifyapi.Done || !p.Complete || p.Total != sold || !maps.Equal(p.Counts, map[string]int64{sent: sold}) || p.Ended.IsZero() || p.Data.Event.Title != "Night of the Violins" {
			t.Errorf("at the end: %+v", p)
		}
		for _, m := range c.server.arrived() {
			if name, _, _ := strings.Cut(m.To, "@"); !strings.Contains(m.Text, "Night of the Violins") || !strings.Contains(m.Text, "https://tickets.example/orders/"+name+"\n") || !strings.Contains(m.Text, "Hello Fan ") {
				t.Fatalf("to %s: %s", m.To, m.Text)
			}
		}
		if n := c.count(t, `mailing_id = 'm' AND event_id = 'e' AND booking_id <> '' AND user_id <> '' AND data = ''`); n != sold {
			t.Errorf("%d lines of the log", n)
		}
	})
}

// Those who were paying when a mailing began are told two hours later, and nobody twice.
func TestMailingReachesLateOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 300)
		s := c.node(t, nil)
		end := runs(t, s)
		start(t, s, reminder("m"))
		old := reminder("old")
		old.MadeUntil = time.Now().Add(-lateAfter)
		start(t, s, old)
		time.Sleep(time.Minute)
		c.fill("b", 20) // their ids may be anywhere
		c.fill("Z", 20)
		end()
		time.Sleep(lateAfter - 3*time.Minute)
		end = runs(t, s)
		time.Sleep(time.Minute)
		c.told(t, "m", 300)
		time.Sleep(5 * time.Minute)
		c.told(t, "m", 340)
		c.told(t, "old", 300)
		if p := of(t, s, "m"); p.State != notifyapi.Done || p.Total != 340 {
			t.Errorf("%+v", p)
		}
		c.fill("c", 20)
		end()
		time.Sleep(24 * time.Hour)
		runs(t, s)
		time.Sleep(time.Minute)
		c.told(t, "m", 340)
	})
}

// What is not sent when a mailing is stopped is never sent, also what was to be tried
// again, and what a node had claimed that died.
func TestStopMailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 3*ordersAtOnce)
		s := c.node(t, nil)
		c.server.behaveAtOnce(func(_ context.Context, m *mail.Mail) error {
			time.Sleep(100 * time.Millisecond)
			if strings.Contains(m.To, "7@") {
				return errors.New("451 later")
			}
			return nil
		})
		end := runs(t, s)
		start(t, s, reminder("m"))
		notify(t, s, notifytest.Code("code", "bob@example.org"))
		time.Sleep(5 * time.Second)
		if err := s.StopMailing(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		p := of(t, s, "m")
		ids, _ := c.server.sent()
		if p.State != notifyapi.Stopped || p.Ended.IsZero() || p.Counts[queued] != 0 || p.Counts[sent] < 100 || p.Counts[sent] > 400 || p.Counts[stopped] != p.Total-p.Counts[sent] || p.Total != 3*ordersAtOnce {
			t.Errorf("%+v", p)
		}
		if int64(len(ids)) != p.Counts[sent]+1 || !slices.Contains(ids, "code") {
			t.Errorf("%d mails", len(ids))
		}
		time.Sleep(20 * time.Minute)
		if later, _ := c.server.sent(); len(later) != len(ids) {
			t.Errorf("%d mails after it was stopped", len(later)-len(ids))
		}
		end()

		start(t, s, reminder("n")) // a node claims some, and dies
		if err := s.mailingRound(t.Context(), &jobs.Retries{}); err != nil {
			t.Fatal(err)
		}
		now := s.cfg.Now()
		if _, err := s.store.claim(t.Context(), bulk, now, now.Add(claimLife), 50); err != nil {
			t.Fatal(err)
		}
		if err := s.StopMailing(t.Context(), "n"); err != nil {
			t.Fatal(err)
		}
		if err := s.mailingRound(t.Context(), &jobs.Retries{}); err != nil {
			t.Fatal(err)
		}
		if p := of(t, s, "n"); p.State != notifyapi.Stopped || !p.Ended.IsZero() || p.Counts[queued] != 50 || p.Counts[stopped] != p.Total-50 {
			t.Errorf("%+v", p)
		}
		time.Sleep(claimLife)
		if err := s.mailingRound(t.Context(), &jobs.Retries{}); err != nil {
			t.Fatal(err)
		}
		if p := of(t, s, "n"); p.Ended.IsZero() || p.Counts[stopped] != p.Total {
			t.Errorf("%+v", p)
		}
		if err := s.StopMailing(t.Context(), "n"); err != nil {
			t.Error(err)
		}
		if err := s.StopMailing(t.Context(), "nowhere"); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%v", err)
		}
	})
}

// One mail to each address, however many orders were made with it.
func TestMailingPerAddress(t *testing.T) {
	c := newConcert(t, 10)
	for i := range c.orders {
		c.orders[i].To = []string{"Ann@example.org", "ann@example.org", "bob@example.org"}[i%3]
	}
	s := c.node(t, nil)
	m := reminder("m")
	m.PerAddress = true
	start(t, s, m)
	runs(t, s)
	c.ended(t, s, "m")
	c.told(t, "m", 2)
	if p := of(t, s, "m"); p.Total != 2 {
		t.Errorf("%+v", p)
	}
}

// ended waits until a mailing has ended.
func (c *concert) ended(t *testing.T, s *Service, id string) {
	t.Helper()
	for of(t, s, id).Ended.IsZero() {
		if t.Context().Err() != nil {
			t.Fatal("the mailing goes on")
		}
		time.Sleep(time.Millisecond)
	}
}

// A mailing can replace others of the event: what they have not sent yet is not sent.
func TestMailingReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 30)
		s := c.node(t, nil)
		c.server.behave(func(context.Context, *mail.Mail) error { return errAway })
		runs(t, s)
		other := reminder("other")
		other.EventID = "f"
		start(t, s, reminder("old"))
		start(t, s, other)
		time.Sleep(time.Minute)
		now := reminder("new")
		now.Replaces = []notifyapi.Kind{notifyapi.Reminder}
		start(t, s, now)
		c.server.behave(nil)
		time.Sleep(3 * time.Minute)
		start(t, s, reminder("later"))
		start(t, s, now) // again: it stops nothing more
		time.Sleep(3 * time.Minute)
		c.told(t, "old", 0)
		c.told(t, "new", 30)
		c.told(t, "other", 30)
		c.told(t, "later", 30)
		if p := of(t, s, "old"); p.State != notifyapi.Stopped || p.Counts[stopped] != 30 {
			t.Errorf("%+v", p)
		}
	})
}

// A mailing that cannot be written is refused when it starts, not once for each holder.
func TestBadMailing(t *testing.T) {
	c := newConcert(t, 1)
	s := c.node(t, nil)
	for name, spoil := range map[string]func(*notifyapi.Mailing){
		"no id":    func(m *notifyapi.Mailing) { m.ID = "" },
		"no event": func(m *notifyapi.Mailing) { m.EventID = "" },
		"kind":     func(m *notifyapi.Mailing) { m.Kind = "unheard-of" },
		"no data":  func(m *notifyapi.Mailing) { m.Data.Event = nil },
	} {
		m := reminder("m")
		spoil(&m)
		if err := s.StartMailing(t.Context(), m); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := s.MailingsOf(t.Context(), "e"); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// choosy are preferences of people some of whom do not want reminders of an organizer.
type choosy struct{ links }

func (choosy) Unwanted(_ context.Context, topic notifyapi.Topic, organizer string, addresses []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, a := range addresses {
		out[a] = topic == notifyapi.Reminders && organizer == "hall" && strings.Contains(a, "7@")
	}
	return out, nil
}

// Those who have unsubscribed are left out, and counted.
func TestMailingLeavesOutTheUnsubscribed(t *testing.T) {
	c := newConcert(t, 100)
	s := c.node(t, func(cfg *Config) { cfg.Preferences = choosy{} })
	m := reminder("m")
	m.Data.Organizer = &notifyapi.Organizer{ID: "hall", Name: "Hall"}
	start(t, s, m)
	runs(t, s)
	c.ended(t, s, "m")
	c.told(t, "m", 90)
	if p := of(t, s, "m"); p.Total != 100 || p.Counts[sent] != 90 || p.Counts[unwanted] != 10 {
		t.Errorf("%+v", p)
	}
	if n := c.count(t, `data <> ''`); n != 0 {
		t.Errorf("%d lines of the log keep what was told", n)
	}
	for _, m := range c.server.arrived() {
		if !strings.Contains(m.Text, "https://tickets.example/reminders/hall/"+m.To) {
			t.Fatalf("no link to unsubscribe: %s", m.Text)
		}
	}
}

// Two nodes that both believe to have the lease write each page once.
func TestTwoNodesWriteAMailing(t *testing.T) {
	const sold = 5 * ordersAtOnce
	c := newConcert(t, sold)
	nodes := []*Service{c.node(t, nil), c.node(t, nil)}
	start(t, nodes[0], reminder("m"))
	start(t, nodes[1], reminder("m"))
	var all sync.WaitGroup
	for _, s := range nodes {
		all.Go(func() {
			for of(t, s, "m").Total < sold && t.Context().Err() == nil {
				if err := s.mailingRound(t.Context(), &jobs.Retries{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if p := of(t, nodes[0], "m"); p.Total != sold || !p.Complete || p.Counts[queued] != sold {
		t.Errorf("%+v", p)
	}
	for _, s := range nodes {
		runs(t, s)
	}
	c.ended(t, nodes[1], "m")
	c.told(t, "m", sold)
}

// A mailing whose recipients cannot be found is tried again, and delays no other.
func TestMailingTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 2*ordersAtOnce)
		var away atomic.Bool
		away.Store(true)
		s := c.node(t, func(cfg *Config) {
			cfg.Holders = func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) ([]notifyapi.Notice, string, error) {
				switch {
				case away.Load() && m.ID == "bad" && after != "":
					return nil, "", errors.New("planned")
				case away.Load() && m.ID == "worse":
					panic("planned")
				}
				return c.holders(ctx, m, after, limit)
			}
		})
		runs(t, s)
		for _, id := range []string{"bad", "good", "worse"} {
			start(t, s, reminder(id))
		}
		time.Sleep(time.Minute)
		c.told(t, "good", 2*ordersAtOnce)
		c.told(t, "bad", ordersAtOnce)
		away.Store(false)
		time.Sleep(5 * time.Minute)
		c.told(t, "bad", 2*ordersAtOnce)
		c.told(t, "worse", 2*ordersAtOnce)
	})
}

// Mailings are forgotten with their notices.
func TestMailingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 3)
		s := c.node(t, nil)
		end := runs(t, s)
		start(t, s, reminder("m"))
		time.Sleep(time.Minute)
		end()
		time.Sleep(logKept)
		for range 2 { // the first run finds that it is too late for those who were still paying
			end = runs(t, s)
			time.Sleep(time.Minute)
			end()
		}
		if list, err := s.MailingsOf(t.Context(), "e"); err != nil || len(list) != 0 || c.count(t, `TRUE`) != 0 {
			t.Errorf("%v %v", list, err)
		}
	})
}

// A mailing that is to begin later begins then, and can be revoked until then. What was
// sent whole is done, and is not called stopped when another mailing replaces it.
func TestMailingsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 3)
		s := c.node(t, nil)
		defer runs(t, s)()
		start(t, s, reminder("first"))
		time.Sleep(time.Minute)
		waits := reminder("second")
		waits.Begins, waits.Replaces = time.Now().Add(5*time.Minute), []notifyapi.Kind{notifyapi.Reminder}
		start(t, s, waits)
		time.Sleep(4 * time.Minute)
		if p := of(t, s, "first"); p.State != notifyapi.Done || p.Ended.IsZero() || !p.Begins.IsZero() {
			t.Errorf("%+v", p)
		}
		if p := of(t, s, "second"); p.State != notifyapi.Running || !p.Begins.Equal(waits.Begins) || p.Total != 0 {
			t.Errorf("%+v", p)
		}
		waits.ID, waits.Begins = "third", time.Now().Add(3*time.Minute)
		start(t, s, waits)
		time.Sleep(2 * time.Minute)
		if p := of(t, s, "second"); p.State != notifyapi.Stopped || p.Total != 0 || p.Ended.IsZero() {
			t.Errorf("%+v", p)
		}
		time.Sleep(2 * time.Minute)
		if p := of(t, s, "third"); p.State != notifyapi.Done || p.Total != 3 || !p.Begins.IsZero() {
			t.Errorf("%+v", p)
		}
	})
}

// A person's event is not mixed with the one that others are told.
func TestPersonsEvent(t *testing.T) {
	event := func(venue, address string) *notifyapi.Event {
		return &notifyapi.Event{Title: "Gala", Zone: "UTC", Venue: venue, Address: address}
	}
	common, err := codec.Marshal(notifyapi.Data{Event: event("New Hall", "Gate 1"), Before: event("Old Hall", "Gate 3"), Known: []notifyapi.Known{{Event: *event("", "")}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []notifyapi.Data{{}, {Before: event("Barn", "")}, {Event: event("Barn", ""), Unsure: true}} {
		raw, err := codec.Marshal(own)
		if err != nil {
			t.Fatal(err)
		}
		mixed, err := laidOver(string(common), raw)
		if err != nil {
			t.Fatal(err)
		}
		r := row{mailing: "m", text: `{"data":` + string(raw) + `}`}
		if err := r.read(map[string]string{"m": string(common)}); err != nil {
			t.Fatal(err)
		}
		for _, d := range []notifyapi.Data{mixed, r.notice.Data} {
			is, was := event("New Hall", "Gate 1"), event("Old Hall", "Gate 3")
			if own.Event != nil {
				is = own.Event
			}
			if own.Before != nil {
				was = own.Before
			}
			if *d.Event != *is || *d.Before != *was || d.Unsure != own.Unsure {
				t.Errorf("%+v: %+v and %+v", own, d.Event, d.Before)
			}
		}
	}
}

// A notice that comes after a mailing waits as long as the mailing may tell its recipient,
// with pauses that grow, also while nobody can say; and a day at most.
func TestHowLongNoticesWait(t *testing.T) {
	w := newWorld(t)
	now := w.db.Now()
	s := w.node(t, func(c *Config) { c.Now = func() time.Time { return now } })
	r := row{created: now}
	r.notice.After, r.notice.BookingID = "m", "b"
	waits := func(after time.Duration) time.Duration {
		now = r.created.Add(after)
		until := s.waits(t.Context(), &r)
		if until.IsZero() {
			return 0
		}
		return until.Sub(now)
	}
	write := func(statements ...string) {
		t.Helper()
		for _, text := range statements {
			if err := s.store.exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(when string, want map[time.Duration]time.Duration) {
		t.Helper()
		for after, pause := range want {
			if got := waits(after); got != pause {
				t.Errorf("%s, after %v: %v, not %v", when, after, got, pause)
			}
		}
	}
	held := map[time.Duration]time.Duration{0: firstLook, time.Minute: 30 * time.Second, time.Hour: longestLook, mostAfter - time.Second: longestLook, mostAfter: 0}
	check("before the mailing", map[time.Duration]time.Duration{0: firstLook, 8 * time.Minute: 4 * time.Minute, notBegun - time.Second: longestLook, notBegun: 0})
	m := reminder("m")
	start(t, s, m)
	check("it finds recipients", held)
	n := notifytest.Booked("m/b", "ann@example.org", "en")
	notify(t, s, n)
	write(`UPDATE mailings SET complete = TRUE`)
	check("the mail waits", held)
	write(`UPDATE mailings SET state = 'stopped'`)
	check("a mail of a stopped mailing is about to be sent", held)
	write(`UPDATE notices SET state = 'sent', done_at = 1`)
	check("the mail is sent", map[time.Duration]time.Duration{0: 0})
	write(`UPDATE mailings SET complete = FALSE`)
	check("stopped before it found all", map[time.Duration]time.Duration{0: 0})
	if err := w.rename(t.Context(), "mailings", "hidden"); err != nil {
		t.Fatal(err)
	}
	check("nobody can say", held)
	r.notice.After = ""
	check("it comes after nothing", map[time.Duration]time.Duration{0: 0})
}

// A notice that is to come after a mailing waits until its recipient has the mailing's
// mail; without a mailing a quarter of an hour.
func TestNoticeAfterAMailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 3)
		s := c.node(t, nil)
		after := func(id, booking, mailing string) {
			n := notifytest.Booked(id, booking+"@example.org", "")
			n.BookingID, n.After = booking, mailing
			notify(t, s, n)
		}
		refused := 0
		c.server.behave(func(_ context.Context, m *mail.Mail) error {
			if m.To == "a000001@example.org" && refused < 3 {
				refused++
				return errors.New("451 later")
			}
			return nil
		})
		after("told", "a000001", "m")
		after("never", "a000002", "other")
		defer runs(t, s)()
		time.Sleep(5 * time.Minute)
		if ids, _ := c.server.sent(); len(ids) != 0 {
			t.Errorf("before the mailing: %v", ids)
		}
		start(t, s, reminder("m"))
		time.Sleep(20 * time.Minute)
		ids, _ := c.server.sent()
		first, then := slices.Index(ids, "m/a000001"), slices.Index(ids, "told")
		if len(ids) != 5 || first < 0 || then < first || refused != 3 || ids[4] != "never" && ids[3] != "never" {
			t.Errorf("%v after %d refusals", ids, refused)
		}
	})
}
