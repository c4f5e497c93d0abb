package apple

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/wallet/apple/appletest"
)

// A notification is an empty one over HTTP/2, with the pass certificate and its topic.
func TestPush(t *testing.T) {
	ca := appletest.New(t)
	id, err := Load(Files(ca.Files), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	apns := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.Header.Get("apns-topic") != appletest.PassType || string(body) != "{}" || len(r.TLS.VerifiedChains) == 0 {
			t.Errorf("%s %s %s %q %v", r.Proto, r.Method, r.URL, body, r.Header)
		}
		switch strings.TrimPrefix(r.URL.Path, "/3/device/") {
		case "gone":
			w.WriteHeader(http.StatusGone)
		case "bad":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"reason":"BadDeviceToken"}`)
		case "busy":
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"reason":"TooManyRequests"}`)
		case "late":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"reason":"ExpiredToken"`) // cut off
		}
	}))
	clients := x509.NewCertPool()
	clients.AddCert(ca.Root)
	apns.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	apns.EnableHTTP2 = true
	apns.Config.ErrorLog = log.New(io.Discard, "", 0)
	apns.StartTLS()
	defer apns.Close()
	roots := x509.NewCertPool()
	roots.AddCert(apns.Certificate())
	p := id.Pusher(apns.URL, roots)
	defer p.Close()
	for token, want := range map[string]string{"0a0b": "", "gone": ErrGone.Error(), "bad": ErrGone.Error(), "busy": "429 \"TooManyRequests\"", "late": "403"} {
		err := p.Push(t.Context(), token)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || errors.Is(err, ErrGone) != (want == ErrGone.Error()) {
			t.Errorf("%s: %v", token, err)
		}
	}
	stranger := id.Pusher(apns.URL, nil)
	defer stranger.Close()
	if err := stranger.Push(t.Context(), "0a0b"); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("a server that nobody has certified: %v", err)
	}
}
