package webhook

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/webhookapi"
)

// attempt sends a message to a receiver of this machine.
func attempt(t *testing.T, url string, limit time.Duration) outcome {
	t.Helper()
	s := newSender(newTransport(guard{local: true}, nil), time.Now)
	s.limit = limit
	return s.send(t.Context(), url, []string{newSecret()}, "msg_1", `{"type":"webhook.test"}`)
}

func serves(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that its client has gone
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Redirects are not followed, wherever they lead.
func TestRedirects(t *testing.T) {
	var inside atomic.Int64
	secret := serves(t, func(http.ResponseWriter, *http.Request) { inside.Add(1) })
	port := secret[strings.LastIndex(secret, ":"):]
	for _, to := range []string{secret, "http://127.0.0.1" + port, "http://[::1]" + port, "http://169.254.169.254/latest/meta-data", "//localhost" + port, "file:///etc/passwd", "/again"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			url := serves(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			})
			if o := attempt(t, url, sendTime); o.failure != webhookapi.Redirected || o.status != status {
				t.Errorf("%d to %s: %+v", status, to, o)
			}
		}
	}
	if inside.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// Whatever a receiver answers, an attempt ends, and keeps little of it.
func TestAnswers(t *testing.T) {
	const short = 300 * time.Millisecond
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		limit   time.Duration
		failure string
		status  int
	}{
		"fine": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }, sendTime, "", 200},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
					return
				}
			}
		}, sendTime, "", 200},
		"drips": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, 3 * time.Second, "", 200}, // it has said that it has the message
		"silent":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, short, webhookapi.NoAnswer, 0},
		"refuses":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, sendTime, webhookapi.BadStatus, 418},
		"breaks":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, sendTime, webhookapi.Broken, 0},
		"bad headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("y", headerMost)) }, sendTime, webhookapi.Broken, 0},
		"hostile text": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write([]byte("<script>\x00\x1b[31m\xff\u202e no"))
		}, sendTime, webhookapi.BadStatus, 500},
	} {
		began := time.Now()
		o := attempt(t, serves(t, c.answer), c.limit)
		if o.failure != c.failure || o.status != c.status || len(o.answer) > answerMost || o.took <= 0 {
			t.Errorf("%s: %+v", name, o)
		}
		if name == "hostile text" && o.answer != "<script>[31m no" {
			t.Errorf("%q", o.answer)
		}
		if time.Since(began) > patience.Long {
			t.Errorf("%s: it took %s", name, time.Since(began))
		}
	}
}

// What cannot be reached fails, and says why.
func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	babble, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer babble.Close()
	go func() {
		for {
			c, err := babble.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
			_ = c.Close()
		}
	}()
	secure := httptest.NewTLSServer(http.NotFoundHandler()) // with a certificate that nobody has signed
	defer secure.Close()
	dns := newNames(t)
	dns.are()
	for url, want := range map[string]string{
		"http://" + closed.Addr().String():  webhookapi.NotAccepted,
		"http://" + hole.Addr().String():    webhookapi.NoAnswer,
		"https://" + hole.Addr().String():   webhookapi.NoAnswer,
		"http://" + babble.Addr().String():  webhookapi.Broken,
		"https://" + babble.Addr().String(): webhookapi.BadTLS,
		secure.URL:                          webhookapi.BadTLS,
		"https://nowhere.example/":          webhookapi.NoAddress,
	} {
		s := newSender(newTransport(guard{local: true}, dns.resolver()), time.Now)
		s.limit = time.Minute // a slow machine takes its time to answer, too
		if want == webhookapi.NoAnswer {
			s.limit = 300 * time.Millisecond
		}
		if o := s.send(context.Background(), url, []string{newSecret()}, "msg_1", "{}"); o.failure != want || o.status != 0 {
			t.Errorf("%s: %+v, want %s", url, o, want)
		}
	}
}

// Retry-After has two forms, and nonsense is ignored.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "Tue, 01 Dec 2026 09:05:00 GMT": 5 * time.Minute, "Tue, 01 Dec 2026 08:05:00 GMT": 0, "soon": 0, "-5": 0, "99999999999999999999": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A delivery has ten attempts over three days, unless it succeeds or the receiver is gone.
func TestSchedule(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	began, p, failed := now, progress{status: webhookapi.Waiting, beganAt: now}, outcome{failure: webhookapi.NoAnswer}
	var waits []time.Duration
	for p.status == webhookapi.Waiting {
		if p = p.after(&failed, now, 0); p.status == webhookapi.Waiting {
			waits = append(waits, p.dueAt.Sub(now))
			now = p.dueAt
		}
	}
	if p.status != webhookapi.Failed || p.step != 10 || len(waits) != 9 {
		t.Errorf("%+v after %v", p, waits)
	}
	if all := now.Sub(began); all < 72*time.Hour || all*11/10 > deliveryLife+4*time.Hour {
		t.Errorf("it is tried for %s", all)
	}
	start := progress{status: webhookapi.Waiting}
	if p := start.after(&outcome{status: 204}, now, 0); p.status != webhookapi.Delivered {
		t.Errorf("%+v", p)
	}
	if p := start.after(&outcome{status: statusGone, failure: webhookapi.BadStatus}, now, 0); p.status != webhookapi.Failed {
		t.Errorf("%+v", p)
	}
	for asks, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Minute: time.Minute, 24 * time.Hour: time.Hour} {
		if p := start.after(&outcome{status: 503, failure: webhookapi.BadStatus, retryAfter: asks}, now, 0); p.dueAt.Sub(now) != want {
			t.Errorf("asked for %s, it waits %s", asks, p.dueAt.Sub(now))
		}
	}
	if p := start.after(&failed, now, 1); p.dueAt.Sub(now) != 5500*time.Millisecond {
		t.Errorf("spread: %s", p.dueAt.Sub(now))
	}
	for failures, want := range map[int]time.Duration{0: 0, 1: time.Second, 2: 2 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := rest(failures, &failed); got != want {
			t.Errorf("after %d failures it rests %s, want %s", failures, got, want)
		}
	}
}
