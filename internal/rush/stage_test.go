package rush

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Nobody rushes on an event that sells nothing now: fans would be refused for ever.
func TestNothingToSell(t *testing.T) {
	for answer, says := range map[string]string{
		`{"status":"published"}`: "put it on sale first",
		`{"status":"on_sale","sale_opens_at":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`: "opens at",
		`{"status":"on_sale","sale_opens_at":"2020-01-01T00:00:00Z"}`:                                   "no plan",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/plan") { // it goes on
				w.WriteHeader(http.StatusNotFound)
				answer = "no plan"
			}
			fmt.Fprint(w, answer)
		}))
		c, err := newClient([]string{srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&stage{call: c.call()}).join(t.Context(), "e"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", answer, err)
		}
		srv.Close()
	}
}
