package rush

import (
	"net/smtp"
	"strings"
	"testing"
)

// The mail server of a rehearsal takes mails as others do, one after another.
func TestPostbox(t *testing.T) {
	p, err := openPostbox()
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.Dial(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Mail("a@example.org"); err != nil {
			t.Fatal(err)
		}
		if err := c.Rcpt("b@example.org"); err != nil {
			t.Fatal(err)
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("Subject: x\r\n\r\nDATA\r\n.\r\n" + strings.Repeat("yyy\r\n", 20_000))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	p.close()
	if n := p.got.Load(); n != 2 {
		t.Fatal(n)
	}
}
