package webhook

import (
	"crypto/x509"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

// The network to receivers fails in each way that networks do. Meanwhile another
// organizer's receiver gets its messages at once; afterwards every message arrives, within
// the schedule. One comes twice, with the same id, only where its answer was lost.
func TestBadNetwork(t *testing.T) {
	if testing.Short() || sqldbtest.OnPostgres(t) {
		t.Skip("takes a while, and is the same on both databases")
	}
	proxy := brokertest.StartToxiproxy(t)
	w := newWorld(t)
	w.queues.sender.limit = 2 * time.Second
	good := newReceiver(t, nil)
	fine, secret := w.creates(bob, good.server.URL)
	good.trust(secret)
	type victim struct {
		name   string
		bad    func(*brokertest.Path)
		copies bool
		path   *brokertest.Path
		who    caller.Caller
		hook   webhookapi.Endpoint
		r      *receiver
	}
	list := []*victim{
		{name: "refused", bad: (*brokertest.Path).Refuse},
		{name: "black-hole", bad: (*brokertest.Path).Swallow},
		{name: "latency", bad: func(p *brokertest.Path) { p.Delay(5 * time.Second) }, copies: true},
		{name: "cut-in-the-message", bad: func(p *brokertest.Path) { p.CutUp(300) }},
		{name: "cut-in-the-answer", bad: func(p *brokertest.Path) { p.CutDown(10) }, copies: true},
	}
	tests := func() {
		t.Helper()
		for _, v := range list {
			for range 2 {
				if _, err := w.SendTest(t.Context(), v.who, v.hook.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 2 {
			if _, err := w.SendTest(t.Context(), bob, fine.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, v := range list {
		v.who = caller.Caller{UserID: v.name, Role: caller.Organizer}
		w.people[v.who.UserID] = userapi.Account{ID: v.name, Role: caller.Organizer}
		v.r = newReceiver(t, nil)
		v.path = proxy.To(v.name, strings.TrimPrefix(v.r.server.URL, "http://"))
		v.hook, secret = w.creates(v.who, "http://"+v.path.Addr)
		v.r.trust(secret)
	}
	w.runs()
	tests()
	arrived := func(r *receiver, n int) func() bool {
		return func() bool {
			ids := map[string]bool{}
			for _, m := range r.messages() {
				ids[m.id] = true
			}
			return len(ids) == n
		}
	}
	for _, v := range list {
		w.until(v.name+": the first ones arrive", arrived(v.r, 2))
		v.bad(v.path)
	}
	tests()
	w.until("the others get theirs", arrived(good, 4))
	for _, v := range list {
		w.until(v.name+": an attempt fails", func() bool {
			for _, d := range w.log(v.who, v.hook.ID) {
				if d.Status == webhookapi.Waiting && d.Tries > 0 {
					return true
				}
			}
			return false
		})
	}
	for _, v := range list {
		v.path.Clear()
	}
	w.later(time.Hour)
	for _, v := range list {
		w.until(v.name+": all are delivered", func() bool {
			for _, d := range w.log(v.who, v.hook.ID) {
				if d.Status != webhookapi.Delivered {
					w.later(time.Second) // it rests after failures
					return false
				}
			}
			return true
		})
		times := map[string]int{}
		twice := 0
		for _, m := range v.r.messages() {
			if times[m.id]++; times[m.id] > 1 {
				twice++
			}
		}
		if len(times) != 4 || twice > 0 != v.copies {
			t.Errorf("%s: %v", v.name, times)
		}
	}
}

// Two organizers have all their webhooks at a server that many use, in places that do not
// answer. A third, whose receiver is at the same server, gets its messages at once.
func TestSharedServer(t *testing.T) {
	w := newWorld(t)
	w.queues.slow, w.queues.sender.limit = 100*time.Millisecond, time.Hour // nobody gets a place because others give up
	var dark atomic.Bool
	var hang atomic.Int64
	server := newReceiver(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/good" && dark.Load() {
			hang.Add(1)
			defer hang.Add(-1) // who loses the lease begins again
			<-r.Context().Done()
		}
	})
	mine, _ := w.creates(ann, server.server.URL+"/good")
	var theirs []webhookapi.Endpoint
	for i := range 2 * webhookapi.MaxEndpoints {
		who := caller.Caller{UserID: fmt.Sprintf("hostile%d", i%2), Role: caller.Organizer}
		w.people[who.UserID] = userapi.Account{ID: who.UserID, Role: caller.Organizer}
		e, _ := w.creates(who, fmt.Sprintf("%s/%d", server.server.URL, i))
		theirs = append(theirs, e)
	}
	tests := func(n int, list ...webhookapi.Endpoint) {
		t.Helper()
		for range n {
			for _, e := range list {
				if _, err := w.SendTest(t.Context(), caller.System, e.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.runs()
	all := 0
	arrive := func(n int) {
		t.Helper()
		all += n
		w.until("messages arrive", func() bool { return len(server.messages()) >= all })
	}
	tests(1, append(theirs, mine)...) // so that nothing is new
	arrive(len(theirs) + 1)
	dark.Store(true)
	tests(8, theirs...)
	w.until("many hang", func() bool { return hang.Load() >= 16 })
	time.Sleep(5 * w.queues.slow) // until all are known to be slow
	before := hang.Load()
	tests(20, mine)
	w.until("the others get theirs", func() bool {
		n := 0
		for _, d := range w.log(ann, mine.ID) {
			if d.Status == webhookapi.Delivered {
				n++
			}
		}
		return n == 21
	})
	t.Logf("%d attempts hang, of two organizers", before)
	if before > 2*2*widthHealthy {
		t.Errorf("%d attempts of two organizers were under way", before)
	}
}

// A deleted webhook is gone at once, with its secrets. Its log goes in small transactions,
// so that sales do not wait for a long one; the next minute finishes what a crash left.
func TestDeletedWithLongLog(t *testing.T) {
	w := newWorld(t)
	hook, _ := w.creates(ann, "https://example.org/hooks")
	err := w.store.db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := range 2*dropAtOnce + 1 {
			m := message{id: fmt.Sprint("msg_", i), kind: webhookapi.Test, at: 1, body: "{}"}
			if err := w.store.add(t.Context(), tx, &m, []string{hook.ID}, time.Now()); err != nil {
				return err
			}
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO webhook_attempts (endpoint_id, message_id, number, at, took, status, failure, answer) VALUES ($1, $2, 1, 1, 1, 500, 'status', '')`, hook.ID, m.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func(table string) (n int) {
		t.Helper()
		if err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := w.Delete(t.Context(), ann, hook.ID); err != nil {
		t.Fatal(err)
	}
	if n := left("webhook_secrets"); n != 0 {
		t.Errorf("%d secrets are left", n)
	}
	for _, c := range []caller.Caller{ann, admin} {
		if _, err := w.Endpoint(t.Context(), c, hook.ID); errs.KindOf(err) != errs.NotFound {
			t.Errorf("it is still there: %v", err)
		}
		if _, err := w.SendTest(t.Context(), c, hook.ID); errs.KindOf(err) != errs.NotFound {
			t.Errorf("it is still sent to: %v", err)
		}
	}
	if list, err := w.Endpoints(t.Context(), ann); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	again, _ := w.creates(ann, "https://example.org/hooks")
	if err := w.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"webhook_deliveries": 0, "webhook_attempts": 0, "webhook_endpoints": 1, "webhook_secrets": 1} {
		if n := left(table); n != want {
			t.Errorf("%s: %d rows are left", table, n)
		}
	}
	if _, err := w.Endpoint(t.Context(), ann, again.ID); err != nil {
		t.Error(err)
	}
}

// An endless answer over HTTP/2 is read as far as it is kept, and not stored up.
func TestEndlessOverHTTP2(t *testing.T) {
	var sent atomic.Int64
	over := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("it is %s", r.Proto)
		}
		for r.Context().Err() == nil {
			n, err := rw.Write(make([]byte, 16<<10))
			if err != nil {
				break
			}
			sent.Add(int64(n))
		}
		close(over)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := newTransport(guard{local: true}, nil)
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	o := newSender(transport, time.Now).send(t.Context(), server.URL, []string{newSecret()}, "msg_1", "{}")
	<-over
	if !o.ok() || len(o.answer) > answerMost || sent.Load() > 256<<10 {
		t.Errorf("%+v; %d bytes were sent", o, sent.Load())
	}
	transport.CloseIdleConnections()
}
