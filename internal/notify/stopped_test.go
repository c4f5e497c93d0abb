package notify

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/sms/smstest"
	"boxoffice/internal/notifyapi"
)

// inHours is an event that begins so many hours from now.
func inHours(h int) *notifyapi.Event {
	return &notifyapi.Event{Title: "Swan Lake", Starts: time.Now().Truncate(time.Hour).Add(time.Duration(h) * time.Hour), Zone: "UTC", Venue: "Old Hall"}
}

// A text of a mailing whose mails are all sent is stopped when the next one replaces it:
// otherwise the last word on the phone would be a time that is not so.
func TestTextOfAReplacedMailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newConcert(t, 1), smstest.InProcess()
		c.orders[0].Phone = mobile
		s := c.node(t, texting(r, ""))
		runs(t, s)
		was, is := inHours(20), inHours(22)
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 500, Code: 20500} })
		start(t, s, notifyapi.Mailing{ID: "moved/e/1", Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: was, Event: is}})
		time.Sleep(20 * time.Second)
		if p := of(t, s, "moved/e/1"); p.State != notifyapi.Running || p.Counts[sent] != 1 {
			t.Fatalf("%+v", p)
		}
		r.Fail(nil)
		start(t, s, notifyapi.Mailing{ID: "cancelled/e", Kind: notifyapi.EventCancelled, EventID: "e", Data: notifyapi.Data{Event: is},
			Replaces: []notifyapi.Kind{notifyapi.EventMoved, notifyapi.Reminder}})
		time.Sleep(3 * time.Second)
		if n := c.count(t, `mailing_id = 'moved/e/1' AND channel = 'sms' AND state = 'queued'`); n != 0 {
			t.Errorf("%d text of the replaced mailing still waits", n)
		}
		time.Sleep(5 * time.Minute)
		list := r.Messages()
		if last := list[len(list)-1].Body; !strings.Contains(last, "cancelled") {
			t.Errorf("the last word: %s", last)
		}
		if p := of(t, s, "moved/e/1"); p.State != notifyapi.Stopped || p.Ended.IsZero() {
			t.Errorf("%+v", p)
		}
	})
}

// Text messages are slower than mails: those that wait are stopped with their mailing.
func TestTextsAreSlowerThanMails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newConcert(t, 100), smstest.InProcess()
		for i := range c.orders {
			c.orders[i].Phone = mobile[:len(mobile)-3] + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
		}
		s := c.node(t, func(cfg *Config) { texting(r, "")(cfg); cfg.Texts.PerSecond = 1 })
		runs(t, s)
		is := &notifyapi.Event{Title: "Swan Lake", Starts: time.Now().Add(22 * time.Hour), Zone: "UTC", Venue: "Old Hall"}
		was := *is
		was.Venue = "New Hall"
		start(t, s, notifyapi.Mailing{ID: "moved/e/1", Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: &was, Event: is}})
		time.Sleep(20 * time.Second)
		start(t, s, notifyapi.Mailing{ID: "cancelled/e", Kind: notifyapi.EventCancelled, EventID: "e", Data: notifyapi.Data{Event: is},
			Replaces: []notifyapi.Kind{notifyapi.EventMoved, notifyapi.Reminder}})
		time.Sleep(30 * time.Second)
		moved, cancelled := 0, 0
		for _, m := range r.Messages() {
			if strings.Contains(m.Body, "cancelled") {
				cancelled++
			} else {
				moved++
			}
		}
		if moved > 22 {
			t.Errorf("30 s after the cancellation %d were texted that it is moved, %d that it is cancelled", moved, cancelled)
		}
	})
}

// A replaced mailing stops at once, not when all pages of the next one are written.
func TestReplacedMailingStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages = 6
		c := newConcert(t, pages*ordersAtOnce)
		var perPage atomic.Int64
		s := c.node(t, func(cfg *Config) {
			cfg.Holders = func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) ([]notifyapi.Notice, string, error) {
				time.Sleep(time.Duration(perPage.Load()))
				return c.holders(ctx, m, after, limit)
			}
		})
		c.server.behaveAtOnce(func(context.Context, *mail.Mail) error { time.Sleep(40 * time.Millisecond); return nil }) // 4 at a time: 100 a second
		runs(t, s)
		is := inHours(220)
		start(t, s, notifyapi.Mailing{ID: "moved/e/1", Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: inHours(219), Event: is}})
		time.Sleep(time.Second)
		perPage.Store(int64(500 * time.Millisecond))
		ids, _ := c.server.sent()
		before := len(ids)
		start(t, s, notifyapi.Mailing{ID: "cancelled/e", Kind: notifyapi.EventCancelled, EventID: "e", Data: notifyapi.Data{Event: is},
			Replaces: []notifyapi.Kind{notifyapi.EventMoved, notifyapi.Reminder}})
		time.Sleep(time.Minute)
		ids, _ = c.server.sent()
		after := 0
		for _, id := range ids[before:] {
			if strings.HasPrefix(id, "moved/") {
				after++
			}
		}
		if after > 200 { // about a second's worth, twice
			t.Errorf("%d mails of the replaced mailing were sent after it was replaced", after)
		}
	})
}

// What nobody was told, since the mail server is away, counts as shown to nobody when it is
// taken back.
func TestTakenBackWhileTheServerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 3)
		log, err := OpenLog(t.Context(), c.db)
		if err != nil {
			t.Fatal(err)
		}
		since, seen := time.Now().Add(-time.Minute), 0
		s := c.node(t, func(cfg *Config) {
			cfg.Holders = func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) ([]notifyapi.Notice, string, error) {
				list, last, err := c.holders(ctx, m, after, limit)
				if m.ID == "moved/e/2" && seen == 0 {
					for _, n := range list {
						shown, err := log.Shown(ctx, []string{n.BookingID}, since)
						if err != nil {
							t.Error(err)
						}
						seen += len(shown[n.BookingID])
					}
				}
				return list, last, err
			}
		})
		c.server.behave(func(context.Context, *mail.Mail) error { return errAway })
		runs(t, s)
		a, b := inHours(220), inHours(221)
		start(t, s, notifyapi.Mailing{ID: "moved/e/1", Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: a, Event: b}})
		time.Sleep(time.Minute)
		start(t, s, notifyapi.Mailing{ID: "moved/e/2", Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: a, Event: a}, Replaces: []notifyapi.Kind{notifyapi.EventMoved}})
		time.Sleep(10 * time.Second)
		if n := c.count(t, `mailing_id = 'moved/e/1' AND state = 'stopped'`); n != 3 || seen != 0 {
			t.Errorf("%d mails of the first mailing were stopped, none was sent, and the second one says that %d holders are shown it", n, seen)
		}
	})
}

// A mailing is stopped while another event's is being written.
func TestStopWaitsForNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConcert(t, 6*ordersAtOnce)
		s := c.node(t, func(cfg *Config) {
			cfg.Holders = func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) ([]notifyapi.Notice, string, error) {
				if m.ID == "other" {
					time.Sleep(500 * time.Millisecond)
				}
				return c.holders(ctx, m, after, limit)
			}
		})
		c.server.behaveAtOnce(func(context.Context, *mail.Mail) error { time.Sleep(40 * time.Millisecond); return nil })
		runs(t, s)
		start(t, s, reminder("m"))
		time.Sleep(time.Second)
		o := reminder("other")
		o.EventID = "o"
		start(t, s, o)
		time.Sleep(time.Second)
		ids, _ := c.server.sent()
		before := len(ids)
		if err := s.StopMailing(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		ids, _ = c.server.sent()
		after := 0
		for _, id := range ids[before:] {
			if strings.HasPrefix(id, "m/") {
				after++
			}
		}
		if after > 200 {
			t.Errorf("%d mails of the stopped mailing were sent after it was stopped", after)
		}
	})
}

// moved is a mailing about a moved event.
func moved(id string, was, is *notifyapi.Event) notifyapi.Mailing {
	return notifyapi.Mailing{ID: id, Kind: notifyapi.EventMoved, EventID: "e", Data: notifyapi.Data{Before: was, Event: is}, Until: is.Starts}
}

// Where texts are switched off while some wait, the mailing ends when they are too late.
func TestMailingEndsWithoutTexting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newConcert(t, 1), smstest.InProcess()
		c.orders[0].Phone = mobile
		s := c.node(t, texting(r, ""))
		end := runs(t, s)
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 500, Code: 20500} })
		start(t, s, moved("moved/e/1", inHours(1), inHours(2)))
		time.Sleep(10 * time.Second)
		end()
		s = c.node(t, nil) // without --sms-url
		runs(t, s)
		time.Sleep(6 * time.Hour)
		p := of(t, s, "moved/e/1")
		if p.State != notifyapi.Done {
			t.Errorf("6 h later: %s ended %v counts %v, %d texts queued", p.State, p.Ended, p.Counts, c.count(t, `channel = 'sms' AND state = 'queued'`))
		}
	})
}

// What was mailed is not texted two hours later, when the start has come near.
func TestLatePassTextsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newConcert(t, 1), smstest.InProcess()
		c.orders[0].Phone = mobile
		s := c.node(t, texting(r, ""))
		runs(t, s)
		is := inHours(50)
		start(t, s, moved("moved/e/1", inHours(60), is))
		time.Sleep(time.Minute)
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 500, Code: 20500} })
		time.Sleep(2*time.Hour + 3*time.Minute)
		if n := c.count(t, `channel = 'sms'`); n != 0 {
			t.Errorf("%d texts about what was mailed two hours ago", n)
		}
		start(t, s, notifyapi.Mailing{ID: "cancelled/e", Kind: notifyapi.EventCancelled, EventID: "e", Data: notifyapi.Data{Event: is},
			Replaces: []notifyapi.Kind{notifyapi.EventMoved, notifyapi.Reminder}})
		time.Sleep(3 * time.Second)
		r.Fail(nil)
		time.Sleep(10 * time.Minute)
		if l := r.Messages(); len(l) == 0 || !strings.Contains(l[len(l)-1].Body, "cancelled") || len(l) > 1 {
			t.Errorf("%d texts; the last word is not the only one", len(l))
		}
	})
}
