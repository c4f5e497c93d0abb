package jobs

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A panic that net/http recovers is an error; what clients do wrong is not.
func TestServerLog(t *testing.T) {
	var out bytes.Buffer
	l := ServerLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Print("http: TLS handshake error from 192.0.2.1:999: EOF")
	if got := out.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "handshake") {
		t.Errorf("logged %q", got)
	}
	out.Reset()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	s.Config.ErrorLog = l
	s.Start()
	if res, err := s.Client().Get(s.URL); err == nil {
		_ = res.Body.Close()
		t.Error("it answers")
	}
	s.Close() // waits for the handler, and so for its log
	if got := out.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "broken") {
		t.Errorf("logged %q", got)
	}
}
