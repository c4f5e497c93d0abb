package stripetest

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// buyerPath is where the pages are to which buyers are sent: of a bank, for intents, and
// of Checkout, for sessions.
const buyerPath = "/buyer/"

// find returns the intent that a reference is about, a session's included.
func (s *Server) find(reference string) *intent {
	if c := s.session(reference); c != nil && c.intent != nil {
		return c.intent
	}
	if pi := s.intent(reference); pi != nil {
		return pi
	}
	panic("stripetest: there is no intent " + reference)
}

// Visit does what a buyer does on the page at an address: pays there with a method, or
// approves with Visa and fails with any other. It returns the address to which the
// browser goes back.
func (s *Server) Visit(address, method string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, id, _ := strings.Cut(address, buyerPath)
	if c := s.session(id); c != nil {
		s.submit(c, method)
		return c.form.Get("success_url")
	}
	pi := s.find(id)
	if pi.status == "requires_action" {
		if method == Visa {
			s.approve(pi)
		} else {
			s.decline(pi, "payment_intent_authentication_failure", "")
		}
	}
	u, err := url.Parse(pi.returnTo)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set("payment_intent", pi.id)
	q.Set("payment_intent_client_secret", pi.id+"_secret_x")
	u.RawQuery = q.Encode()
	return u.String()
}

// Leave is a buyer who does not come back to the page of a session: it expires in the end.
func (s *Server) Leave(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, id, _ := strings.Cut(address, buyerPath)
	if c := s.session(id); c != nil && c.status == "open" {
		s.expire(c)
	}
}

// Decide ends the processing of an intent.
func (s *Server) Decide(reference string, approved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pi := s.find(reference)
	if pi.status != "processing" {
		return
	}
	if approved {
		s.approve(pi)
	} else {
		s.decline(pi, "card_declined", "do_not_honor")
	}
}

// Expire ends the authorization of an intent.
func (s *Server) Expire(reference string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelIntent(s.find(reference), "automatic")
}

// page shows a buyer's page to a browser, and takes what is chosen there.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		http.Redirect(w, r, s.Visit(r.URL.Path, r.FormValue("method")), http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><meta name="viewport" content="width=device-width"><title>Double of Stripe</title><form method="post">`)
	for _, m := range []string{Visa, Declining} {
		_, _ = fmt.Fprintf(w, `<button name="method" value="%s">%s</button> `, html.EscapeString(m), html.EscapeString(m))
	}
	_, _ = io.WriteString(w, `</form>`)
}
