package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notify/sms/smstest"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// texting has a node send text messages through a receiver.
func texting(r *smstest.Receiver, public string) func(*Config) {
	return func(cfg *Config) {
		cfg.Texts = &Texting{PerSecond: 50, Sender: sms.New(sms.Config{URL: r.URL, Account: smstest.Account, Token: smstest.Token, From: smstest.From,
			Public: public, HTTP: r.Client(), Now: cfg.Now})}
	}
}

// urgent is a notice about an event that was cancelled some time before its start.
func urgent(id, number string, before time.Duration) notifyapi.Notice {
	return notifyapi.Notice{ID: id, Kind: notifyapi.EventCancelled, To: "ann@example.org", Lang: "en", Phone: number, UserID: "u", EventID: "e", BookingID: "b",
		Data: notifyapi.Data{Link: "https://tickets.example/b", Order: &notifyapi.Order{Reference: id, Amount: 100, Currency: "EUR"},
			Event: &notifyapi.Event{Title: "Swan Lake " + id, Starts: time.Now().Add(before), Zone: "Europe/Berlin", Venue: "Old Hall"}}}
}

const mobile = "+4915123456789"

// Only what is urgent is told by text, too: that an event was cancelled or moved within 48
// hours of its start.
func TestWhatIsTexted(t *testing.T) {
	now := time.Date(2027, 3, 13, 12, 0, 0, 0, time.UTC)
	day := func(date string) *notifyapi.Event { return &notifyapi.Event{Date: date, Zone: "Europe/Berlin"} }
	at := func(d time.Duration) *notifyapi.Event {
		return &notifyapi.Event{Starts: now.Add(d), Zone: "Europe/Berlin"}
	}
	for _, c := range []struct {
		name                string
		kind                notifyapi.Kind
		event, before, told *notifyapi.Event
		number              string
		want                time.Duration // until when it is sent; 0: never
	}{
		{"cancelled today", notifyapi.EventCancelled, at(time.Hour), nil, nil, mobile, 3 * time.Hour},
		{"cancelled in time", notifyapi.EventCancelled, at(48*time.Hour + 1), nil, nil, mobile, 0},
		{"cancelled at the last moment of being urgent", notifyapi.EventCancelled, at(48 * time.Hour), nil, nil, mobile, 50 * time.Hour},
		{"cancelled while people wait", notifyapi.EventCancelled, at(-time.Hour), nil, nil, mobile, time.Hour},
		{"cancelled afterwards", notifyapi.EventCancelled, at(-3 * time.Hour), nil, nil, mobile, 0},
		{"no number", notifyapi.EventCancelled, at(time.Hour), nil, nil, "", 0},
		{"moved away from tomorrow", notifyapi.EventMoved, at(100 * time.Hour), at(24 * time.Hour), nil, mobile, keepTrying},
		{"moved to tomorrow", notifyapi.EventMoved, at(24 * time.Hour), at(1000 * time.Hour), nil, mobile, keepTrying},
		{"moved to another day", notifyapi.EventMoved, at(60 * time.Hour), at(100 * time.Hour), nil, mobile, 0},
		{"moved, and the new time is open", notifyapi.EventMoved, &notifyapi.Event{Zone: "Europe/Berlin"}, at(time.Hour), nil, mobile, 3 * time.Hour},
		{"today, at a time to be announced", notifyapi.EventCancelled, day("2027-03-13"), nil, nil, mobile, 13 * time.Hour},
		{"in three days, at a time to be announced", notifyapi.EventCancelled, day("2027-03-16"), nil, nil, mobile, 0},
		{"yesterday", notifyapi.EventCancelled, day("2027-03-12"), nil, nil, mobile, 0},
		{"a code", notifyapi.Code, at(time.Hour), nil, nil, mobile, 0},
		{"cancelled tomorrow, known as next week", notifyapi.EventCancelled, at(100 * time.Hour), nil, at(30 * time.Hour), mobile, keepTrying},
	} {
		n := notifyapi.Notice{ID: "x", Kind: c.kind, To: "nobody", Phone: c.number, Data: notifyapi.Data{Event: c.event, Before: c.before}}
		r, err := newRow(&n, now)
		if err != nil {
			t.Fatal(err)
		}
		r.notice.Data = n.Data
		text, ok := textOf(&r, c.told)
		if !ok {
			text.until = now
		}
		if ok != (c.want != 0) || text.until.Sub(now) != c.want || ok && (text.state != queued || text.notice.To != mobile || text.notice.ID == "x" || text.channel != byText) {
			t.Errorf("%s: %v until %s, want %s: %+v", c.name, ok, text.until.Sub(now), c.want, text)
		}
	}
}

// Mail and text message are sent independently of each other; the log has both.
func TestTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, "https://tickets.example"))
		runs(t, s)
		w.server.behave(func(context.Context, *mail.Mail) error { return errAway })
		notify(t, s, urgent("1", mobile, time.Hour), urgent("2", mobile, 72*time.Hour), notifytest.Code("3", "ann@example.org"))
		notify(t, s, urgent("1", mobile, time.Hour)) // again
		time.Sleep(5 * time.Second)
		list := r.Messages()
		if len(list) != 1 || list[0].To != mobile || !strings.HasPrefix(list[0].Body, "Swan Lake 1 (") || !strings.Contains(list[0].Body, "is cancelled. You get your money back.") {
			t.Fatalf("%+v", list)
		}
		if l := w.line(t, "1/sms"); l.state != sent || l.recipient != mobile || l.data != "" || l.answer != list[0].ID+" queued" || l.tries != 1 {
			t.Errorf("%+v", l)
		}
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 401, Code: 20003} })
		w.server.behave(nil)
		notify(t, s, urgent("4", mobile, time.Hour))
		time.Sleep(2 * time.Minute)
		if ids, _ := w.server.sent(); len(ids) != 4 {
			t.Errorf("without a provider %v were mailed", ids)
		}
		if l := w.line(t, "4/sms"); l.state != queued || l.tries != 0 || l.answer != "" {
			t.Errorf("a wrong password uses up attempts: %+v", l)
		}
		r.Fail(nil)
		time.Sleep(longestOutage + time.Second)
		if l := w.line(t, "4/sms"); l.state != sent || len(r.Messages()) != 2 {
			t.Errorf("%+v", l)
		}
	})
}

// Each message is sent once, whatever the provider does, and none is lost.
func TestTextsInBadWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, ""))
		runs(t, s)
		weather := rand.New(rand.NewPCG(1, 2))
		r.Fail(func(n int, to string) smstest.Fault {
			if to == "+4915123450000" {
				return smstest.Fault{Status: 400, Code: 21211}
			}
			return []smstest.Fault{
				{Cut: true}, {Cut: true, Taken: true}, {Status: 500, Code: 20500}, {Status: 502, Body: "bad gateway", Taken: true}, {Silent: time.Hour}, {Silent: time.Hour, Taken: true},
				{Status: 429, Code: 20429, RetryAfter: 20}, {Status: 400, Code: 21611}, {Taken: true, Body: "nonsense"}, {}, {}, {},
			}[weather.IntN(12)]
		})
		const n = 60
		var list []notifyapi.Notice
		for i := range n {
			list = append(list, urgent(fmt.Sprint("n", i), fmt.Sprintf("+49151234510%02d", i), 30*time.Hour))
		}
		notify(t, s, append(list, urgent("bad", "+4915123450000", 30*time.Hour))...)
		for range 24 { // four hours at most
			if time.Sleep(10 * time.Minute); w.count(t, `channel = 'sms' AND state = 'queued'`) == 0 {
				break
			}
		}
		time.Sleep(10 * time.Minute)
		to := map[string]int{}
		for _, m := range r.Messages() {
			to[m.To]++
		}
		for i := range n {
			if got := to[list[i].Phone]; got != 1 {
				t.Errorf("%d messages to %s", got, list[i].Phone)
			}
		}
		if sent := w.count(t, `channel = 'sms' AND state = 'sent'`); sent != n {
			t.Errorf("%d of %d are sent", sent, n)
		}
		if l := w.line(t, "bad/sms"); l.state != failed || l.tries != 1 || !strings.HasPrefix(l.answer, "400 21211 ") {
			t.Errorf("%+v", l)
		}
	})
}

// A node that died after the provider had taken a message does not make it come twice,
// whether it is restarted or another one goes on.
func TestTextOfADeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, ""))
		notify(t, s, urgent("1", mobile, 30*time.Hour), urgent("2", mobile, 30*time.Hour))
		list, err := s.store.claim(t.Context(), textUrgency, s.cfg.Now(), s.cfg.Now().Add(textClaimLife), 10)
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		for _, row := range list {
			if row.notice.ID != "1/sms" { // it died before the second one
				continue
			}
			if o := s.oneText(t.Context(), row, 0); o.state != sent {
				t.Fatalf("%+v", o)
			}
		}
		if err := s.store.free(t.Context(), s.cfg.Now()); err != nil { // as a node that is alone does when it starts
			t.Fatal(err)
		}
		runs(t, w.node(t, texting(r, "")))
		time.Sleep(textClaimLife + 10*time.Second)
		if got := r.Messages(); len(got) != 2 || w.count(t, `channel = 'sms' AND state = 'sent'`) != 2 {
			t.Errorf("%+v", got)
		}
		if sends, looks := r.Requests(); sends != 2 || looks != 2 {
			t.Errorf("%d requests, %d looks", sends, looks)
		}
	})
}

// A number gets five messages a day at most, and what waited too long is not sent.
func TestTextsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // all at once, as from many guests who gave a stranger's number
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, ""))
		runs(t, s)
		const other = "+4915123456780"
		list := []notifyapi.Notice{}
		for i := range 20 {
			list = append(list, urgent(fmt.Sprint(i), mobile, time.Hour))
		}
		notify(t, s, append(list, urgent("other", other, time.Hour))...)
		time.Sleep(2 * time.Second)
		if l := w.line(t, "other/sms"); l.state != sent {
			t.Errorf("another number waits: %+v", l)
		}
		time.Sleep(time.Minute)
		if got := len(r.Messages()); got != textsADay+1 {
			t.Errorf("%d messages", got)
		}
		for i := range list {
			if l := w.line(t, list[i].ID+"/sms"); l.state == queued {
				t.Errorf("%+v", l)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, ""))
		end := runs(t, s)
		for i := range 8 {
			notify(t, s, urgent(fmt.Sprint(i), mobile, time.Hour))
			time.Sleep(10 * time.Second)
		}
		if got := len(r.Messages()); got != textsADay {
			t.Errorf("%d messages", got)
		}
		if l := w.line(t, "7/sms"); l.state != failed || !strings.Contains(l.answer, "a day") {
			t.Errorf("%+v", l)
		}
		end() // a node at work looks around every second of these hours
		time.Sleep(25 * time.Hour)
		end = runs(t, s)
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 401, Code: 20003} })
		notify(t, s, urgent("late", mobile, time.Hour))
		time.Sleep(time.Minute)
		end()
		time.Sleep(4 * time.Hour)
		runs(t, s)
		r.Fail(nil)
		time.Sleep(2 * time.Minute)
		if l := w.line(t, "late/sms"); l.state != failed || !strings.HasPrefix(l.answer, "not sent in time") || len(r.Messages()) != textsADay {
			t.Errorf("%+v", l)
		}
	})
}

// Messages that the provider refuses, or cannot deliver, do not count for the number.
func TestFailedTextsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		s := w.node(t, texting(r, ""))
		runs(t, s)
		r.Fail(func(n int, _ string) smstest.Fault {
			if n > textsADay {
				return smstest.Fault{}
			}
			return smstest.Fault{Status: 400, Code: 21211}
		})
		var list []notifyapi.Notice
		for i := range textsADay + 3 {
			list = append(list, urgent(fmt.Sprint(i), mobile, time.Hour))
		}
		notify(t, s, list...)
		time.Sleep(5 * time.Second)
		if got := len(r.Messages()); got != 3 {
			t.Errorf("%d of 3 are sent", got)
		}
	})
}

// The same holds when several nodes send at the same time.
func TestTextsOfAllNodesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Silent: time.Second / 2, Taken: true} })
		for range 3 {
			runs(t, w.node(t, func(c *Config) { texting(r, "")(c); c.Texts.PerSecond = 4 }))
		}
		s := w.node(t, texting(r, ""))
		var list []notifyapi.Notice
		for i := range 20 {
			list = append(list, urgent(fmt.Sprint(i), mobile, time.Hour))
		}
		notify(t, s, list...)
		time.Sleep(5 * time.Minute)
		if got := len(r.Messages()); got != textsADay {
			t.Errorf("%d messages", got)
		}
		if n := w.count(t, `channel = 'sms' AND state = 'queued'`); n != 0 {
			t.Errorf("%d messages wait", n)
		}
	})
}

// A node without text messages makes none, and leaves those of other nodes alone.
func TestNodeWithoutTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t), smstest.InProcess()
		plain, other := w.node(t, nil), w.node(t, texting(r, ""))
		notify(t, plain, urgent("1", mobile, time.Hour))
		notify(t, other, urgent("2", mobile, time.Hour))
		end := runs(t, plain)
		time.Sleep(10 * time.Second)
		ids, _ := w.server.sent()
		slices.Sort(ids) // of several connections
		if !slices.Equal(ids, []string{"1", "2"}) || w.count(t, `channel = 'sms'`) != 1 || w.line(t, "2/sms").tries != 0 {
			t.Errorf("%v, %+v", ids, w.line(t, "2/sms"))
		}
		end()
	})
}

// An account that is deleted leaves no number behind, and gets no message any more.
func TestForgetNumber(t *testing.T) {
	w, r := newWorld(t), smstest.InProcess()
	s := w.node(t, texting(r, ""))
	notify(t, s, urgent("1", mobile, time.Hour))
	if err := s.Forget(t.Context(), "u"); err != nil {
		t.Fatal(err)
	}
	runs(t, s)
	w.settle(t)
	if l := w.line(t, "1/sms"); l.recipient != "" || l.data != "" || l.state != failed || len(r.Messages()) != 0 {
		t.Errorf("%+v", l)
	}
}

// The provider calls about messages, over HTTP: in any order, twice, before the answer to
// the request was recorded, and with nonsense.
func TestTextStatus(t *testing.T) {
	w, r := newWorld(t), smstest.New(t)
	var s *Service
	site := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, q *http.Request) {
		form, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		switch err := s.textStatus(q.Context(), &textStatusIn{q.URL.Query().Get("notice"), q.Header.Get("X-Twilio-Signature"), form}); {
		case errs.KindOf(err) == errs.Forbidden:
			a.WriteHeader(http.StatusForbidden)
		case err != nil:
			t.Error(err)
		default:
			a.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(site.Close)
	s = w.node(t, func(cfg *Config) {
		cfg.Texts = &Texting{PerSecond: 50, Sender: sms.New(sms.Config{URL: r.URL, Account: smstest.Account, Token: smstest.Token, From: smstest.From, Public: site.URL})}
	})
	type call struct {
		status string
		code   int
	}
	for i, c := range []struct {
		calls         []call
		state, answer string
	}{
		{nil, sent, "queued"},
		{[]call{{"sent", 0}, {"delivered", 0}}, delivered, "delivered"},
		{[]call{{"delivered", 0}, {"sent", 0}, {"delivered", 0}, {"undelivered", 30008}}, delivered, "delivered"},
		{[]call{{"sending", 0}, {"undelivered", 30003}}, failed, "30003 the phone is off or out of reach"},
		{[]call{{"failed", 0}}, failed, "failed"},
		{[]call{{"undelivered", 30005}, {"delivered", 0}}, delivered, "delivered"},
		{[]call{{"queued", 0}, {"unheard-of", 0}}, sent, "queued"},
	} {
		id, number := fmt.Sprint("n/", i, "&x=y z"), fmt.Sprintf("+491512345600%d", i)
		notify(t, s, urgent(id, number, time.Hour))
		list, err := s.store.claim(t.Context(), textUrgency, s.cfg.Now(), s.cfg.Now().Add(textClaimLife), 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		o := s.oneText(t.Context(), list[0], 0)
		early := i%2 == 1
		if !early {
			if err := s.store.record(t.Context(), []outcome{o}); err != nil {
				t.Fatal(err)
			}
		}
		m := r.Messages()[i]
		for _, one := range c.calls {
			if got, err := smstest.Call(t.Context(), &m, one.status, one.code); err != nil || got != http.StatusNoContent {
				t.Errorf("%d: a call is answered %d %v", i, got, err)
			}
		}
		if early {
			if err := s.store.record(t.Context(), []outcome{o}); err != nil {
				t.Fatal(err)
			}
		}
		if l := w.line(t, id+"/sms"); l.state != c.state || l.answer != m.ID+" "+c.answer || l.data != "" || l.done == 0 {
			t.Errorf("%d: %+v, want %s %s", i, l, c.state, c.answer)
		}
	}
	m := r.Messages()[0]
	form := url.Values{"MessageSid": {m.ID}, "MessageStatus": {"delivered"}}
	for name, c := range map[string]struct {
		to, signature string
		form          url.Values
		want          int
	}{
		"no signature":      {m.Callback, "", form, http.StatusForbidden},
		"another password":  {m.Callback, base64.StdEncoding.EncodeToString(sms.Sign("x", m.Callback, form)), form, http.StatusForbidden},
		"of another notice": {r.Messages()[1].Callback, base64.StdEncoding.EncodeToString(sms.Sign(smstest.Token, m.Callback, form)), form, http.StatusForbidden},
		"of no notice":      {site.URL + sms.StatusPath + "?notice=none", base64.StdEncoding.EncodeToString(sms.Sign(smstest.Token, site.URL+sms.StatusPath+"?notice=none", form)), form, http.StatusNoContent},
	} {
		if got, err := smstest.CallWith(t.Context(), c.to, c.form, c.signature); err != nil || got != c.want {
			t.Errorf("%s: %d %v, want %d", name, got, err, c.want)
		}
	}
	if l := w.line(t, "n/0&x=y z/sms"); l.state != sent {
		t.Errorf("a forged call counts: %+v", l)
	}
	mailOf := m.Callback[:strings.LastIndex(m.Callback, "%2Fsms")] // a call cannot change a mail
	sign := base64.StdEncoding.EncodeToString(sms.Sign(smstest.Token, mailOf, form))
	if got, err := smstest.CallWith(t.Context(), mailOf, form, sign); err != nil || got != http.StatusNoContent || w.line(t, "n/0&x=y z").state != queued {
		t.Error(got, err, w.line(t, "n/0&x=y z"))
	}
}

// The log of an order has its text messages, without whole numbers. A corrected email
// address changes none.
func TestTextsInTheLog(t *testing.T) {
	w, r := newWorld(t), smstest.InProcess()
	s := w.node(t, texting(r, ""))
	notify(t, s, urgent("1", mobile, time.Hour))
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Redirect(t.Context(), "b", s.cfg.Now(), goesTo("new@example.org", "")); err != nil {
		t.Fatal(err)
	}
	r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Status: 400, Code: 21211} })
	runs(t, s)
	w.settle(t)
	list, err := log.Of(t.Context(), "b", 10)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	slices.SortFunc(list, func(a, b notifyapi.Line) int { return len(a.ID) - len(b.ID) })
	if l := list[0]; l.Text || l.To != "new@example.org" || l.State != notifyapi.StateSent {
		t.Errorf("%+v", l)
	}
	if l := list[1]; !l.Text || l.To != "+49…789" || l.State != notifyapi.StateFailed || !strings.Contains(l.Answer, "The 'To' number +49…789 is") {
		t.Errorf("%+v", l)
	}
}
