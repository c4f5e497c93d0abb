package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A page of another site cannot use the gateway through the browser of somebody on this
// machine, whichever way it has the browser send the request.
func TestOtherSites(t *testing.T) {
	s := open(t, Config{Data: t.TempDir(), URL: "http://127.0.0.1:8070", Now: time.Now})
	defer s.Close()
	send := func(method, path, host string, header ...string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{}"))
		r.Host = host
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	const here = "127.0.0.1:8070"
	orders := []string{"PUT /control/switches", "POST /control/clock", "POST /control/charges/c1/dispute", "POST /control/charges/c1/expire", "GET /control/switches", "GET /control/books",
		"POST /do", "POST /approve/c1", "POST /v1/charges", "POST /v1/charges/c1/capture", "POST /v1/charges/c1/void", "POST /v1/charges/c1/refund", "GET /v1/charges/c1", "GET /v1/lines?from=0&to=1"}
	for _, order := range orders {
		method, path, _ := strings.Cut(order, " ")
		for _, c := range []struct {
			what, host string
			header     []string
			want       int
		}{
			{"of another site", here, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, http.StatusForbidden},
			{"of another port", here, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
			{"that is opened", here, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, http.StatusForbidden},
			{"of an old browser", here, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
			{"in a sandbox", here, []string{"Origin", "null"}, http.StatusForbidden},
			{"whose name points here", "evil.example:8070", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://evil.example:8070"}, http.StatusMisdirectedRequest},
			{"whose name points here, opened", "evil.example:8070", nil, http.StatusMisdirectedRequest},
		} {
			if got := send(method, path, c.host, c.header...); got != c.want {
				t.Errorf("%s from a page %s: %d", order, c.what, got)
			}
		}
		for _, fine := range [][]string{nil, {"Sec-Fetch-Site", "same-origin", "Origin", "http://" + here}, {"Origin", "http://" + here}, {"Sec-Fetch-Site", "none"}} {
			for _, host := range []string{here, "localhost:8070", "[::1]:8070"} {
				if host != here && len(fine) > 0 {
					continue
				}
				if got := send(method, path, host, fine...); got == http.StatusForbidden || got == http.StatusMisdirectedRequest {
					t.Errorf("%s with %v to %s: %d", order, fine, host, got)
				}
			}
		}
	}
	// Buyers come from the shop, and people from anywhere.
	for _, page := range []string{"/", approvePath("s", "c1")} {
		if got := send("GET", page, here, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); got == http.StatusForbidden {
			t.Errorf("%s: %d", page, got)
		}
	}
}
