package notify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// The log of an order has its notices, newest first, and nobody else's.
func TestLogOfAnOrder(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	other := notifytest.Booked("other", "eve@example.org", "en")
	other.BookingID = "other"
	notify(t, s, notifytest.Booked("1", "ann@example.org", "en"), other, notifytest.Code("code", "ann@example.org"))
	notify(t, s, notifytest.Booked("2", "bad", "en"))
	w.server.behave(func(_ context.Context, m *mail.Mail) error {
		return fmt.Errorf("452 4.2.2 mailbox full")
	})
	end := runs(t, s)
	for list := []notifyapi.Line(nil); len(list) < 2 || list[1].Answer == ""; {
		if list, err = log.Of(t.Context(), "eb", 10); err != nil {
			t.Fatal(err)
		}
	}
	end()
	list, err := log.Of(t.Context(), "eb", 10)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	bad, first := list[0], list[1]
	if bad.ID != "2" || bad.State != notifyapi.StateFailed || bad.DoneAt.IsZero() || !bad.NextAt.IsZero() || bad.Answer == "" {
		t.Errorf("%+v", bad)
	}
	if first.ID != "1" || first.Kind != notifyapi.Booked || first.To != "ann@example.org" || first.State != notifyapi.StateQueued || first.Tries != 1 ||
		first.Answer != "452 4.2.2 mailbox full" || !first.NextAt.After(first.CreatedAt) || !first.DoneAt.IsZero() {
		t.Errorf("%+v", first)
	}
	if list, err := log.Of(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("what is about no order: %v %v", list, err)
	}
}

// What letters have shown of an event is known by order: what their mailing told, and when
// other letters were written. Those that were not sent have shown nothing.
func TestShown(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, reminder("reminder"))
	add := func(order, id, state, mailing string, kind notifyapi.Kind, at int64) {
		t.Helper()
		n := notifytest.Booked(id, "ann@example.org", "en")
		n.BookingID = order
		notify(t, s, n)
		if err := s.store.exec(t.Context(), `UPDATE notices SET state = $1, mailing_id = $2, kind = $3, created_at = $4 WHERE id = $5`, state, mailing, string(kind), at, id); err != nil {
			t.Fatal(err)
		}
	}
	add("one", "old", "sent", "", notifyapi.Booked, 1000)
	add("one", "again", "queued", "", notifyapi.Booked, 1003)
	add("one", "reminded", "sent", "reminder", notifyapi.Reminder, 1002)
	add("one", "stopped", "stopped", "reminder", notifyapi.Reminder, 1004)
	add("one", "unwanted", "unwanted", "reminder", notifyapi.Reminder, 1005)
	add("one", "full", "failed", "", notifyapi.Booked, 1006)
	add("one", "code", "sent", "", notifyapi.Code, 1007)
	add("two", "forgotten", "delivered", "a mailing of long ago", notifyapi.EventMoved, 1001)
	add("three", "another", "sent", "", notifyapi.Booked, 1001)
	got, err := log.Shown(t.Context(), []string{"one", "two", "none"}, time.UnixMicro(1000))
	if err != nil || len(got) != 2 || len(got["one"]) != 2 || len(got["two"]) != 1 {
		t.Fatal(got, err)
	}
	for i, want := range []notifyapi.Shown{{Kind: notifyapi.Reminder, At: time.UnixMicro(1002), Sent: true}, {Kind: notifyapi.Booked, At: time.UnixMicro(1003)}} {
		is := got["one"][i]
		if is.Kind != want.Kind || !is.At.Equal(want.At) || is.Sent != want.Sent || (is.Event != nil) != (i == 0) {
			t.Errorf("%+v", is)
		}
	}
	if e := got["one"][0].Event; e == nil || e.Title != reminder("").Data.Event.Title {
		t.Errorf("the reminder tells of %+v", e)
	}
	if is := got["two"][0]; is.Event != nil || !is.Sent {
		t.Errorf("%+v", is)
	}
}

// Tickets that wait for a corrected address are not sent any more, since they are mailed
// anew; those that are being sent at that moment are recorded as sent. Other news, as about
// a refund, goes to the new address, with the new link. Mails about other orders stay.
func TestRedirect(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	other := notifytest.Booked("other", "typo@example.org", "en")
	other.BookingID = "other"
	begun, goOn := make(chan bool), make(chan bool)
	w.server.behaveAtOnce(func(ctx context.Context, m *mail.Mail) error {
		if m.ID == "sending" {
			begun <- true
			<-goOn
		}
		return nil
	})
	end := runs(t, s)
	notify(t, s, notifytest.Booked("sending", "typo@example.org", "en"))
	<-begun
	stop := func() {
		t.Helper()
		if err := log.Redirect(t.Context(), "eb", time.Now(), goesTo("right@bücher.example", "https://tickets.example/orders/eb?token=new")); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if l := w.line(t, "sending"); l.state != "stopped" || l.data != "" {
		t.Errorf("%+v", l)
	}
	goOn <- true
	for w.line(t, "sending").state != sent {
		if t.Context().Err() != nil {
			t.Fatalf("%+v", w.line(t, "sending"))
		}
	}
	end()
	notify(t, s, notifytest.Booked("waits", "typo@example.org", "en"), notifytest.Booked("right", "right@bücher.example", "en"), other)
	refund, late := notifytest.Booked("refund", "typo@example.org", "en"), notifytest.Booked("late", "typo@example.org", "en")
	refund.Kind, refund.Data.Refund, refund.Data.Link = notifyapi.Refunded, &notifyapi.Refund{Amount: 100}, "https://tickets.example/orders/eb?token=old"
	late.Kind, late.Data.Refund, late.Data.Link = notifyapi.PaidTooLate, &notifyapi.Refund{Amount: 100, Again: true}, "https://tickets.example/events/e"
	notify(t, s, refund, late)
	if err := s.store.exec(t.Context(), `UPDATE notices SET claim = 'another node', next_at = $1 WHERE id = 'refund'`, micros(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	stop()
	runs(t, s)
	w.settle(t)
	for id, want := range map[string]string{"waits": "stopped", "right": sent, "other": sent, "sending": sent, "refund": sent, "late": sent} {
		if l := w.line(t, id); l.state != want || l.data != "" || l.done == 0 {
			t.Errorf("%s: %+v", id, l)
		}
	}
	if ids, _ := w.server.sent(); len(ids) != 5 {
		t.Error(ids)
	}
	texts := map[string]string{}
	for _, m := range w.server.arrived() {
		if m.To == "right@xn--bcher-kva.example" {
			texts[m.Subject] = m.Text
		}
	}
	for part, want := range map[string]int{"/orders/eb?token=new": 1, "/orders/eb?token=old": 0, "/events/e\n": 1} {
		n := 0
		for _, text := range texts {
			n += strings.Count(text, part)
		}
		if n != want {
			t.Errorf("%d times %s: %q", n, part, texts)
		}
	}
}

// goesTo says where news of an order goes.
func goesTo(address, link string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) { return address, link, nil }
}

// The tickets of an order are mailed again so many times a day at most, with the mails
// before, also when many requests come at once, on several nodes. A repeated one counts once.
func TestReserve(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	notify(t, s, notifytest.Booked("1", "ann@example.org", "en"), notifytest.Booked("2", "ann@example.org", "en"))
	now := w.db.Now().Add(time.Second)
	const most = 6
	reserve := func(request string, at time.Time) (free time.Time) {
		_, free, err := log.Reserve(t.Context(), "eb", request, most, at)
		if err != nil {
			t.Error(err)
		}
		return free
	}
	var granted atomic.Int64
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if reserve(fmt.Sprint(i), now).IsZero() {
				granted.Add(1)
			}
		})
	}
	wg.Wait()
	if n := granted.Load(); n != most-2 {
		t.Errorf("%d of 30 requests were granted", n)
	}
	later := now.Add(24*time.Hour - time.Second/2)
	if free := reserve("more", now.Add(time.Hour)); free.Before(later.Add(-2*time.Second)) || free.After(later) {
		t.Errorf("there is room at %s, not a day after the first mail, %s", free, now)
	}
	for range 3 {
		if free := reserve("again", later); !free.IsZero() {
			t.Errorf("when the first mails are a day old: %s", free)
		}
	}
	for range 3 { // corrections that were refused
		if free := reserve("refused", now.Add(25*time.Hour)); !free.IsZero() {
			t.Error(free)
		}
		if err := log.Release(t.Context(), "eb", "refused", now.Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []bool{true, false} { // the second may have mailed something, and both are refused
		if is, _, err := log.Reserve(t.Context(), "other", "twice", 1, now); is != first || err != nil {
			t.Error(is, err)
		}
	}
	if err := log.Release(t.Context(), "other", "twice", now); err != nil {
		t.Fatal(err)
	}
	if _, free, err := log.Reserve(t.Context(), "other", "once more", 1, now); free.IsZero() || err != nil {
		t.Error("a request whose twin was refused does not count", err)
	}
	for i := range most + 1 {
		if free := reserve(fmt.Sprint("next day", i), now.Add(25*time.Hour)); free.IsZero() != (i < most-1) {
			t.Errorf("the next day, %d: %s", i, free)
		}
	}
	if err := s.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
}
