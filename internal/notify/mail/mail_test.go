package mail

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// header returns the header of a mail on the wire.
func header(t *testing.T, m *Mail) mail.Header {
	t.Helper()
	msg, err := m.Message(Address{Name: "Old Hall", Address: "tickets@hall.example"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := msg.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\r\n") {
		if len(line) > 998 { // RFC 5322, section 2.1.1
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	parsed, err := mail.ReadMessage(&out)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header
}

// Mails that somebody may unsubscribe from say how, for mail programs: with one click if
// the site has HTTPS (RFC 8058). Others say nothing of the sort.
func TestUnsubscribe(t *testing.T) {
	const oneClick = "List-Unsubscribe=One-Click"
	for url, post := range map[string]string{
		"": "", "http://127.0.0.1:8080/unsubscribe?token=abc": "",
		"https://tickets.example/unsubscribe?token=abc":                                                                oneClick,
		"https://tickets." + strings.Repeat("long-", 30) + "name.example/unsubscribe?token=" + strings.Repeat("x", 90): oneClick,
	} {
		h := header(t, &Mail{ID: "1", To: "ada@example.org", Subject: "S", Text: "T", HTML: "<p>T</p>", Date: time.Now(), Unsubscribe: url})
		want := ""
		if url != "" {
			want = "<" + url + ">"
		}
		if got := h.Get("List-Unsubscribe"); got != want {
			t.Errorf("%q, not %q", got, want)
		}
		if got := h.Get("List-Unsubscribe-Post"); got != post {
			t.Errorf("%s: %q, not %q", url, got, post)
		}
	}
}
