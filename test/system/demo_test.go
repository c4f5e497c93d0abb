package system

import (
	"html"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/patience"
)

// page reads a page as text.
func page(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v %s", url, res.StatusCode, err, raw)
	}
	return string(raw)
}

var tags = regexp.MustCompile(`<[^>]+>`)

// The commands on the page for developers do what it says: pasted into a shell, they buy
// two seats.
func TestDemoPurchase(t *testing.T) {
	s := serve(t, storage(t), "--demo")
	home := page(t, s.url+"/")
	developers := page(t, s.url+"/developers")
	found := regexp.MustCompile(`(?s)<pre id="purchase"[^>]*><code>(.*?)</code>`).FindStringSubmatch(developers)
	if found == nil {
		t.Fatalf("the page shows no purchase: %s", developers)
	}
	for range 2 { // it can be done again
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", html.UnescapeString(tags.ReplaceAllString(found[1], "")))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"status":"captured"`) || !strings.Contains(string(out), `"status":"booked"`) {
			t.Fatalf("%v\n%s", err, out)
		}
		time.Sleep(time.Second) // the addresses are made of seconds
	}
	for _, part := range []string{"Sold out", "Opens soon", `class="past"`, "/dev/mail"} {
		if !strings.Contains(home, part) {
			t.Errorf("the page has no %q", part)
		}
	}
}

// A guest buys with a name and an address: hold, code from the mail, pay, and
// the link in the confirmation leads to the order. The limit is the address's.
func TestGuestCheckout(t *testing.T) {
	s := serve(t, storage(t), "--demo")
	nobody := &client{http: newHTTP(), base: s.url}
	list := nobody.must(t, 200, "GET", "/events?q=aurora", nil).body["items"].([]any)
	ev := list[0].(map[string]any)["id"].(string)
	mail := func(n int, part string) string { // the nth with a part
		t.Helper()
		for deadline := time.Now().Add(patience.Long); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			var found []string
			for _, name := range regexp.MustCompile(`/dev/mail/([^"]+\.eml)`).FindAllStringSubmatch(page(t, s.url+"/dev/mail"), -1) {
				if text := page(t, s.url+"/dev/mail/"+name[1]); strings.Contains(text, part) {
					found = append(found, html.UnescapeString(text))
				}
			}
			if len(found) >= n {
				return found[len(found)-n] // the newest is listed first
			}
		}
		t.Fatalf("there is no mail %d with %q", n, part)
		return ""
	}
	enter := func(name string) *client {
		t.Helper()
		r := nobody.must(t, 201, "POST", "/users/guest", map[string]any{"name": name, "email": "gus@example.org"})
		return &client{http: nobody.http, base: s.url, token: r.str("token")}
	}
	verify := func(c *client, nth, status int) {
		t.Helper()
		code := regexp.MustCompile(`code is ([0-9A-Z-]+)`).FindStringSubmatch(mail(nth, "code is"))
		r := c.must(t, status, "POST", "/users/guest/verify", map[string]any{"code": code[1]})
		if status == 200 {
			c.token = r.str("token")
		}
	}
	first := enter("Gus One")
	held := first.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "quantity": 5})
	booking := held.str("id")
	if r := first.must(t, 403, "POST", "/payments", map[string]any{"booking_id": booking, "method": "tok_ok"}); r.problem() != "address-not-verified" {
		t.Error(r.body)
	}
	verify(first, 1, 200)
	first.must(t, 201, "POST", "/payments", map[string]any{"booking_id": booking, "method": "tok_ok"})
	link := regexp.MustCompile(`http://\S+/orders/[0-9a-z]+\?token=[\w-]+`).FindString(mail(1, "is paid"))
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 || !strings.Contains(string(raw), held.str("reference")) {
		t.Errorf("%s: %d %s", link, res.StatusCode, raw)
	}
	if res, err := http.Get(link + "x"); err != nil || res.StatusCode != 404 {
		t.Errorf("a wrong token: %v %v", res, err)
	}
	// The same address once more: three seats are left of its eight.
	second := enter("Gus Two")
	second.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "quantity": 4})
	verify(second, 2, 409)
	third := enter("Gus Three")
	more := third.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "quantity": 3}).str("id")
	verify(third, 2, 200) // within a minute the address gets no other code
	third.must(t, 201, "POST", "/payments", map[string]any{"booking_id": more, "method": "tok_ok"})
	if n := len(third.must(t, 200, "GET", "/bookings", nil).body["items"].([]any)); n != 2 {
		t.Errorf("the address has %d orders", n)
	}
}
