package app

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/sandbox/server"
	"boxoffice/internal/payment/sandbox/wire"
)

// sandboxGateway is a gateway at work, at an address.
func sandboxGateway(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	g, err := server.New(server.Config{Data: t.TempDir(), URL: base, Secret: wire.Secret, Slow: time.Second, Expires: 7 * 24 * time.Hour,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	srv.Config.Handler = g
	srv.Start()
	t.Cleanup(func() { // after the services, which are closed later
		srv.CloseClientConnections()
		srv.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return base
}

var approveLink = regexp.MustCompile(`href="(http://[^"]*/approve/[^"]*)"`)

// A buyer approves at the gateway, comes back, and has paid; or refuses, and has not.
func TestApproveAtTheBank(t *testing.T) {
	f := newFairWith(t, Config{Payments: "sandbox=" + sandboxGateway(t)})
	for i, c := range []struct {
		decision string
		ends     bookingapi.Status
		at       string
	}{{"approve", bookingapi.Booked, "/orders/"}, {"refuse", bookingapi.Pending, "/checkout/"}} {
		b := newBrowser(t, f.base)
		b.post(t, f.hold(), "seats="+f.seats[i])
		id := b.held(t)
		f.guest(t, b, "Gus", "gus"+c.decision+"@example.org")
		b.get(t, "/pay/"+id).at(t, 200, "/pay/"+id, "Ask at the bank")
		b.do(t, "POST", "/pay/"+id, b.form(t, "/pay/"+id, "token=tok_3ds"))
		var link []string
		patience.Until(t, "the buyer is sent to the bank", func() bool {
			b.get(t, "/checkout/"+id+"/wait")
			link = approveLink.FindStringSubmatch(b.text)
			return link != nil
		})
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
			PostForm(html.UnescapeString(link[1]), url.Values{"decision": {c.decision}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		back := res.Header.Get("Location")
		if back != f.base+"/checkout/"+id+"/wait" {
			t.Fatalf("the bank sends the buyer to %q", back)
		}
		patience.Until(t, "the buyer goes on", func() bool {
			return !strings.HasSuffix(b.get(t, strings.TrimPrefix(back, f.base)).path, "/wait")
		})
		if b.at(t, 200, c.at+id, ""); f.status(t, id) != c.ends {
			t.Errorf("after %s it is %s", c.decision, f.status(t, id))
		}
	}
}
