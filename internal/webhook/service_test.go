package webhook

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

// carrier answers requests in place of receivers, by the host.
type carrier func(r *http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

func answers(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, ProtoMajor: 1, ProtoMinor: 1}
}

// Receivers that answer nothing hold up nobody: neither many that never did, nor many that
// did before.
func TestSlowReceiversHoldUpNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of receivers")
	}
	var holes, good atomic.Int64
	var dark atomic.Bool
	transport := carrier(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Host, "good") || !dark.Load() {
			if good.Add(1); !strings.HasPrefix(r.URL.Host, "good") {
				good.Add(-1)
			}
			return answers(204), nil
		}
		holes.Add(1)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	w := newWorld(t, func(c *Config) { c.Transport = transport })
	w.queues.slow, w.queues.sender.limit = 50*time.Millisecond, time.Hour // nobody gets a place because others give up
	const many = 300
	var proven []webhookapi.Endpoint
	add := func(n int, name string) (list []webhookapi.Endpoint) {
		for i := range n {
			who := caller.Caller{UserID: fmt.Sprintf("%s%012d", name, i), Role: caller.Organizer}
			w.mu.Lock()
			w.people[who.UserID] = userapi.Account{ID: who.UserID, Role: caller.Organizer}
			w.mu.Unlock()
			e, _ := w.creates(who, fmt.Sprintf("https://%s%d.example/", name, i))
			list = append(list, e)
		}
		return list
	}
	tests := func(list []webhookapi.Endpoint, n int) {
		for _, e := range list {
			for range n {
				if _, err := w.SendTest(t.Context(), caller.System, e.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	proven = add(many, "hole")
	mine, _ := w.creates(ann, "https://good.example/")
	tests(append(proven, mine), 1)
	w.runs()
	delivered := func() (n int) {
		err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.until("all are proven", func() bool { return delivered() == many+1 })
	dark.Store(true)
	tests(proven, 2)               // fills all places of healthy ones
	tests(add(many/3, "never"), 1) // and of those that nothing is known about
	w.until("many hang", func() bool { return holes.Load() >= 256 })
	before := good.Load()
	tests([]webhookapi.Endpoint{mine}, 100)
	w.until("the others get theirs", func() bool { return good.Load() >= before+100 })
}

// A node that stops in the middle of an attempt makes it again when it is back, with the
// same id; others that are due are made once.
func TestRestart(t *testing.T) {
	db, n := sqldbtest.Open(t), newNeighbours()
	w := newWorldOn(t, db, n)
	var hang atomic.Bool
	hang.Store(true)
	reached := make(chan struct{}, 100)
	r := newReceiver(t, func(rw http.ResponseWriter, req *http.Request) {
		reached <- struct{}{}
		if hang.Load() {
			<-req.Context().Done()
		}
	})
	hook, secret := w.creates(ann, r.server.URL)
	r.trust(secret)
	stop := w.runs()
	w.sells(event1, 1)
	<-reached
	stop()
	if list := w.log(ann, hook.ID); len(list) == 0 || list[0].Status != webhookapi.Waiting || list[0].Tries != 0 {
		t.Errorf("%+v", list)
	}
	n.sells(event1, 2) // while nobody is there
	hang.Store(false)
	again := newWorldOn(t, db, n)
	again.runs()
	again.until("all is told", func() bool {
		list := again.log(ann, hook.ID)
		return len(list) == 4 && !slices.ContainsFunc(list, func(d webhookapi.Delivery) bool { return d.Status != webhookapi.Delivered })
	})
	times := map[string]int{}
	for _, m := range r.messages() {
		times[m.id]++
	}
	if len(times) != 4 {
		t.Errorf("%v", times)
	}
	twice := 0
	for _, n := range times {
		if twice += n - 1; n > 2 {
			t.Errorf("%v", times)
		}
	}
	if twice == 0 || twice > 2 { // what was under way
		t.Errorf("%v", times)
	}
}

// Of two nodes, one does the work, whichever commits what happens; the other one takes over.
func TestTwoNodes(t *testing.T) {
	cfg := sqldbtest.Fresh(t)
	cfg.Together = true
	r := newReceiver(t, nil)
	n := newNeighbours()
	one := newWorldOn(t, sqldbtest.Again(t, cfg), n)
	two := newWorldOn(t, sqldbtest.Again(t, cfg), n)
	stop := one.runs()
	hook, secret := two.creates(ann, r.server.URL)
	r.trust(secret)
	n.mu.Lock()
	n.hears = nil // another node commits, and says nothing
	n.mu.Unlock()
	for i := range 5 {
		n.sells(event1, i)
	}
	one.until("all is told", func() bool { return len(r.messages()) == 10 })
	two.runs()
	if _, err := two.SendTest(t.Context(), ann, hook.ID); err != nil {
		t.Fatal(err)
	}
	one.until("a test is sent", func() bool { return len(r.messages()) == 11 })
	stop()
	for i := range 5 {
		n.sells(event1, 100+i)
	}
	two.until("the other node goes on", func() bool { return len(r.messages()) >= 21 })
	two.until("all is recorded", func() bool {
		return !slices.ContainsFunc(two.log(ann, hook.ID), func(d webhookapi.Delivery) bool { return d.Status != webhookapi.Delivered })
	})
	seen := map[string]bool{}
	for _, m := range r.messages() {
		if seen[m.id] {
			t.Errorf("%s was sent twice", m.id)
		}
		seen[m.id] = true
	}
	if len(seen) != 21 {
		t.Errorf("%d messages", len(seen))
	}
}

// What other nodes commit is told as soon as the bus brings it, without a look at the heads
// of ledgers. Entries that the bus has lost are read as soon as the next one comes.
func TestOtherNodesAreOverheard(t *testing.T) {
	w := newWorld(t)
	w.shared = true
	r := newReceiver(t, nil)
	_, secret := w.creates(ann, r.server.URL)
	r.trust(secret)
	w.sells(event1, 0)
	w.runs()
	w.until("it works", func() bool { return len(r.messages()) == 2 })
	w.mu.Lock()
	w.blind = true
	w.mu.Unlock()
	for i := range 3 {
		w.elsewhere(event1, func() { w.sells(event1, 1+i) })
		w.until("it is told", func() bool { return len(r.messages()) == 2*(i+2) })
	}
	w.mu.Lock()
	hears := w.hears
	w.hears = nil
	w.mu.Unlock()
	w.sells(event1, 10) // lost
	w.mu.Lock()
	w.hears = hears
	w.mu.Unlock()
	w.elsewhere(event1, func() { w.sells(event1, 11) })
	w.until("the gap is filled", func() bool { return len(r.messages()) == 12 })
	w.elsewhere(event2, func() { w.sells(event2, 1) }) // somebody else's
	w.elsewhere(event1, func() { w.sells(event1, 12) })
	w.until("it is told", func() bool { return len(r.messages()) == 14 })
}

// An endpoint that fails for days is switched off, and its organizer is told; what failed
// can be sent again once it is back.
func TestSwitchedOffAfterDays(t *testing.T) {
	w := newWorld(t)
	var works atomic.Bool
	r := newReceiver(t, func(rw http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
			_, _ = rw.Write([]byte("<b>down</b>"))
		}
	})
	hook, secret := w.creates(ann, r.server.URL)
	r.trust(secret)
	w.runs()
	w.sells(event1, 1)
	d := w.last(ann, hook.ID, 1)
	if d.Status != webhookapi.Waiting || d.Last.Status != 500 || d.Last.Failure != webhookapi.BadStatus || d.Last.Answer != "<b>down</b>" || d.NextAt.IsZero() || len(d.Attempts) != 1 {
		t.Errorf("%+v", d)
	}
	var e webhookapi.Endpoint
	var err error
	w.until("both messages wait", func() bool { // that about the payment comes a moment later
		e, err = w.Endpoint(t.Context(), ann, hook.ID)
		return err != nil || e.Waiting == 2
	})
	if err != nil || e.FailingSince.IsZero() || !e.Enabled {
		t.Fatalf("%+v %v", e, err)
	}
	mails := func(work bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.noMail = !work
	}
	mails(false) // when it is switched off depends on how fast the machine is
	for e.Enabled {
		w.later(24 * time.Hour / 3)
		kept := w.Keep(t.Context())
		if e, err = w.Endpoint(t.Context(), ann, hook.ID); err != nil || kept != nil && e.Enabled {
			t.Fatal(kept, err)
		}
		n := r.asked.Load()
		w.sells(event1, int(n)+10)
		w.look()
		w.until("it is tried again", func() bool {
			w.later(10 * time.Second) // it rests for a minute at most
			e, err = w.Endpoint(t.Context(), ann, hook.ID)
			return err == nil && (!e.Enabled || r.asked.Load() > n)
		})
	}
	if e.OffBecause != webhookapi.ByFailing || e.Failed == 0 {
		t.Errorf("%+v", e)
	}
	if err := w.Keep(t.Context()); err == nil {
		t.Error("a mail that is not sent is no trouble")
	}
	mails(true)
	for range 2 {
		if err := w.Keep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.mu.Lock()
	said := slices.Clone(w.said)
	w.mu.Unlock()
	if len(said) != 1 || said[0].Kind != notifyapi.WebhookOff || said[0].To != "ann@example.org" || said[0].Lang != "de" || said[0].Data.Webhook == nil || said[0].Data.Webhook.Gone ||
		said[0].Data.Link != "https://tickets.example/organizer/webhooks/"+hook.ID || said[0].Data.Webhook.URL != r.server.URL {
		t.Errorf("%+v", said)
	}
	if _, err := w.SendTest(t.Context(), ann, hook.ID); !errs.Is(err, "webhook-off") {
		t.Error(err)
	}
	w.sells(event1, 9999) // is not sent
	works.Store(true)
	on := true
	if e, err = w.Change(t.Context(), ann, hook.ID, webhookapi.Change{Enabled: &on}); err != nil || !e.Enabled || !e.FailingSince.IsZero() || e.OffBecause != "" {
		t.Fatalf("%+v %v", e, err)
	}
	if _, err := w.Replay(t.Context(), ann, hook.ID, webhookapi.Replay{}); err != nil {
		t.Fatal(err)
	}
	w.until("all is delivered", func() bool {
		return !slices.ContainsFunc(w.log(ann, hook.ID), func(d webhookapi.Delivery) bool { return d.Status != webhookapi.Delivered })
	})
}

// A receiver that is gone is not asked again.
func TestGone(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusGone) })
	hook, _ := w.creates(ann, r.server.URL, webhookapi.BookingBooked)
	w.runs()
	w.sells(event1, 1)
	w.until("it is off", func() bool {
		e, err := w.Endpoint(t.Context(), ann, hook.ID)
		return err == nil && !e.Enabled && e.OffBecause == webhookapi.ByGone
	})
	w.sells(event1, 2)
	if n := r.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Messages are sent again under their id; the log keeps every attempt, for thirty days.
func TestLog(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	hook, secret := w.creates(ann, r.server.URL, webhookapi.BookingBooked)
	r.trust(secret)
	w.runs()
	for i := range 5 {
		w.sells(event1, i)
	}
	w.until("all is told", func() bool { return len(r.messages()) == 5 })
	first := w.last(ann, hook.ID, 1)
	if n, err := w.Replay(t.Context(), ann, hook.ID, webhookapi.Replay{MessageID: first.MessageID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	d := w.last(ann, hook.ID, 2)
	if d.Status != webhookapi.Delivered || len(d.Attempts) != 2 || d.Attempts[1].Number != 2 || d.MessageID != first.MessageID || d.Body != first.Body {
		t.Errorf("%+v", d)
	}
	if _, err := w.Replay(t.Context(), ann, hook.ID, webhookapi.Replay{MessageID: "msg_other"}); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if n, err := w.Replay(t.Context(), ann, hook.ID, webhookapi.Replay{}); n != 0 || err != nil { // none failed
		t.Error(n, err)
	}
	var ids []string
	for cursor := ""; ; {
		list, next, err := w.Deliveries(t.Context(), ann, hook.ID, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			ids = append(ids, d.MessageID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 5 {
		t.Errorf("%v", ids)
	}
	if _, _, err := w.Deliveries(t.Context(), ann, hook.ID, "x", 2); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	w.later(webhookapi.LogTime - time.Hour)
	if err := w.Keep(t.Context()); err != nil || len(w.log(ann, hook.ID)) != 5 {
		t.Errorf("%d left, %v", len(w.log(ann, hook.ID)), err)
	}
	w.later(2 * time.Hour)
	if err := w.Keep(t.Context()); err != nil || len(w.log(ann, hook.ID)) != 0 {
		t.Errorf("%d left, %v", len(w.log(ann, hook.ID)), err)
	}
	w.later(10 * 24 * time.Hour)
	if err := w.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM webhook_messages) + (SELECT count(*) FROM webhook_attempts)`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows left, %v", left, err)
	}
}

// Endpoints are their organizer's own.
func TestRights(t *testing.T) {
	w := newWorld(t)
	hook, _ := w.creates(ann, "https://example.org/")
	ctx := t.Context()
	each := func(c caller.Caller) map[string]error {
		out := map[string]error{}
		_, out["read"] = w.Endpoint(ctx, c, hook.ID)
		_, out["secrets"] = w.Secrets(ctx, c, hook.ID)
		_, out["change"] = w.Change(ctx, c, hook.ID, webhookapi.Change{})
		_, out["rotate"] = w.Rotate(ctx, c, hook.ID)
		_, out["test"] = w.SendTest(ctx, c, hook.ID)
		_, out["replay"] = w.Replay(ctx, c, hook.ID, webhookapi.Replay{})
		_, _, out["log"] = w.Deliveries(ctx, c, hook.ID, "", 1)
		_, out["delivery"] = w.Delivery(ctx, c, hook.ID, "msg_none")
		if c != ann && c != admin {
			out["delete"] = w.Delete(ctx, c, hook.ID)
		}
		return out
	}
	for _, c := range []struct {
		who  caller.Caller
		kind errs.Kind
	}{{caller.Caller{}, errs.Unauthenticated}, {fan, errs.NotFound}, {bob, errs.NotFound}} {
		for what, err := range each(c.who) {
			if errs.KindOf(err) != c.kind {
				t.Errorf("%s as %s: %v", what, c.who.UserID, err)
			}
		}
	}
	for _, who := range []caller.Caller{ann, admin} {
		for what, err := range each(who) {
			if what != "delivery" && err != nil {
				t.Errorf("%s as %s: %v", what, who.UserID, err)
			}
		}
	}
	for who, n := range map[caller.Caller]int{ann: 1, bob: 0, admin: 0} {
		if list, err := w.Endpoints(ctx, who); err != nil || len(list) != n {
			t.Errorf("%s lists %v %v", who.UserID, list, err)
		}
	}
}

// The same URL is refused, and so are more endpoints than there can be and bad input.
func TestCreate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first, _ := w.creates(ann, "https://example.org/0")
	if _, _, err := w.Create(ctx, ann, webhookapi.New{URL: "https://example.org/0"}); !errs.Is(err, "webhook-exists") || errs.Of(err).Extra["id"] != first.ID {
		t.Error(err)
	}
	w.creates(bob, "https://example.org/0")
	_, _, err := w.Create(ctx, ann, webhookapi.New{URL: "ftp://x", Description: strings.Repeat("x", 201), Types: []webhookapi.Type{"booking.booked", "no.such"}})
	if e := errs.Of(err); e == nil || len(e.Fields) != 3 || e.Fields[2].Name != "types[1]" {
		t.Error(err)
	}
	for i := 1; i < webhookapi.MaxEndpoints; i++ {
		w.creates(ann, fmt.Sprintf("https://example.org/%d", i))
	}
	if _, _, err := w.Create(ctx, ann, webhookapi.New{URL: "https://example.org/more"}); !errs.Is(err, "too-many-webhooks") {
		t.Error(err)
	}
	other := "https://example.org/1"
	if _, err := w.Change(ctx, ann, first.ID, webhookapi.Change{URL: &other}); !errs.Is(err, "webhook-exists") {
		t.Error(err)
	}
	types := []webhookapi.Type{webhookapi.EventCancelled, webhookapi.BookingBooked, webhookapi.BookingBooked}
	if e, err := w.Change(ctx, ann, first.ID, webhookapi.Change{Types: &types}); err != nil || !slices.Equal(e.Types, []webhookapi.Type{webhookapi.BookingBooked, webhookapi.EventCancelled}) || e.URL != first.URL {
		t.Errorf("%+v %v", e, err)
	}
	if err := w.Delete(ctx, ann, first.ID); err != nil {
		t.Error(err)
	}
	if _, err := w.Endpoint(ctx, ann, first.ID); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	w.creates(ann, "https://example.org/more")
}

// However many webhooks are made at once, on several nodes, there are no more than there can
// be.
func TestManyAreCreatedAtOnce(t *testing.T) {
	w := newWorld(t)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 * webhookapi.MaxEndpoints {
		wg.Go(func() {
			_, _, err := w.Create(t.Context(), ann, webhookapi.New{URL: fmt.Sprintf("https://example.org/%d", i)})
			if err == nil {
				made.Add(1)
			} else if !errs.Is(err, "too-many-webhooks") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := made.Load(); n != webhookapi.MaxEndpoints {
		t.Errorf("%d webhooks", n)
	}
}

// Somebody who is no organizer any more gets no messages, and the endpoints of a deleted
// account are deleted.
func TestOrganizersNoMore(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.creates(ann, r.server.URL, webhookapi.BookingBooked)
	w.runs()
	w.sells(event1, 1)
	w.until("it is told", func() bool { return len(r.messages()) == 1 })
	set := func(a userapi.Account) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.people[ann.UserID] = a
	}
	set(userapi.Account{ID: ann.UserID, Email: "ann@example.org", Role: caller.Customer})
	w.later(2 * trustedFor)
	w.until("it is noticed", func() bool {
		w.intake.mu.Lock()
		defer w.intake.mu.Unlock()
		return w.intake.idle
	})
	w.sells(event1, 2)
	w.creates(bob, r.server.URL)
	gone := bus.Message{Topic: userapi.Topic, Key: ann.UserID, ID: "1", Type: userapi.TypeDeleted, Body: []byte(`{"user_id":"` + ann.UserID + `","since":1}`)}
	for _, m := range []bus.Message{gone, {Topic: userapi.Topic, Key: bob.UserID, ID: "2", Type: "of a later version", Body: []byte(`{"user_id":"` + bob.UserID + `"}`)}, gone} {
		write, err := w.Consumer().Consume(t.Context(), []bus.Message{m})
		if err == nil {
			err = w.cfg.DB.Write(t.Context(), func(tx *sql.Tx) error { return write(t.Context(), tx) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := w.store.endpoints(t.Context(), ""); err != nil || len(list) != 1 || list[0].OrganizerID != bob.UserID {
		t.Errorf("%v %v", list, err)
	}
	if n := len(r.messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// Without endpoints nothing is read, and a ledger that is long before the first one leads
// to no messages.
func TestBeforeTheFirstEndpoint(t *testing.T) {
	w := newWorld(t)
	var entries []ledger.Entry
	for range 3500 {
		entries = append(entries, ledger.Entry{Kind: ledger.Booked, BookingID: event1 + "00000000000000000000", Seats: []int32{1}})
	}
	w.append(event1, true, entries...)
	w.later(time.Second)
	r := newReceiver(t, nil)
	hook, secret := w.creates(ann, r.server.URL)
	r.trust(secret)
	w.runs()
	w.sells(event1, 1)
	w.until("it is told", func() bool { return len(r.messages()) == 2 })
	if list := w.log(ann, hook.ID); len(list) != 2 {
		t.Errorf("%d deliveries", len(list))
	}
	cursors, err := w.store.cursors(t.Context())
	if err != nil || cursors[event1] != 3502 {
		t.Errorf("%v %v", cursors, err)
	}
}

// What happens right after an endpoint was created, changed or switched on is told, although
// the node that does the work has not seen that yet, and whichever node does it next.
func TestRightAfterAChange(t *testing.T) {
	cfg, n := sqldbtest.Fresh(t), newNeighbours()
	node := func() (*world, func()) {
		db := sqldbtest.Again(t, cfg)
		w := newWorldOn(t, db, n)
		mustRefresh(w)
		mustRound(w)
		return w, func() { w.lease.Release(t.Context()); db.Close() }
	}
	told := func(w *world, id string, want int) {
		t.Helper()
		if got := w.messagesTo(id); len(got) != want {
			t.Errorf("%d deliveries, want %d", len(got), want)
		}
	}
	change := func(w *world, id string, c webhookapi.Change) {
		t.Helper()
		if _, err := w.Change(t.Context(), ann, id, c); err != nil {
			t.Fatal(err)
		}
	}
	w, stop := node()
	w.creates(ann, "https://first.example/")
	mustRefresh(w)
	n.sells(event1, 1)
	mustRound(w)
	hook, _ := w.creates(ann, "https://second.example/", webhookapi.BookingBooked)
	n.sells(event1, 2)
	mustRound(w)
	told(w, hook.ID, 1)
	n.sells(event1, 3)
	stop()
	n.later(48 * time.Hour)

	w, stop = node()
	told(w, hook.ID, 2)
	off, on := false, true
	change(w, hook.ID, webhookapi.Change{Enabled: &off})
	n.sells(event1, 4)
	mustRound(w)
	told(w, hook.ID, 2)
	n.later(time.Second)
	change(w, hook.ID, webhookapi.Change{Enabled: &on})
	n.sells(event1, 5)
	mustRound(w)
	told(w, hook.ID, 3)
	change(w, hook.ID, webhookapi.Change{Types: &[]webhookapi.Type{}})
	n.sells(event1, 6)
	mustRound(w)
	told(w, hook.ID, 5)
	change(w, hook.ID, webhookapi.Change{Types: &[]webhookapi.Type{webhookapi.EventCancelled}})
	n.sells(event1, 7)
	stop()
	n.later(48 * time.Hour)

	w, stop = node()
	defer stop()
	told(w, hook.ID, 5)
}

// Many purchases at once are told once each, in few writes.
func TestManyPurchases(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	seen := map[string]int{}
	w.queues.sender = newSender(carrier(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get("webhook-id")]++
		return answers(200), nil
	}), time.Now)
	w.creates(ann, "https://example.org/")
	w.runs()
	const many = 300
	for i := range many {
		w.sells(event1, i)
	}
	w.until("all is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == 2*many
	})
	mu.Lock()
	defer mu.Unlock()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

// A database that does not take the outcome of attempts does not lead to a storm of them.
func TestAttemptsThatAreNotRecorded(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	hook, _ := w.creates(ann, r.server.URL)
	err := w.store.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `ALTER TABLE webhook_attempts RENAME TO gone_attempts`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SendTest(t.Context(), ann, hook.ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.runs()
	w.until("it is sent", func() bool { return r.asked.Load() > 0 })
	time.Sleep(700 * time.Millisecond)
	if n := r.asked.Load(); n > 1+int64(time.Since(began)/time.Second) { // it rests for a second, and then longer
		t.Errorf("sent %d times", n)
	}
}
