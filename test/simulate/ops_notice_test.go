package simulate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
)

// signature is the header by which the bank signs its messages: the time, and an HMAC
// over it and the body.
const signature = "Bank-Signature"

func signed(body []byte, at time.Time, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("%d,%s", at.Unix(), hex.EncodeToString(m.Sum(nil)))
}

// The bank's secret, and another one.
const bankSecret, wrongSecret = "s3cret", "guessed"

// Notice implements provider.Notifier.
func (n *branch) Notice(_ context.Context, h http.Header, body []byte, now time.Time) (out provider.Notice, err error) {
	at, _, _ := strings.Cut(h.Get(signature), ",")
	seconds, err := strconv.ParseInt(at, 10, 64)
	then := time.Unix(seconds, 0)
	if err != nil || now.Sub(then).Abs() > provider.NoticeTolerance || h.Get(signature) != signed(body, then, bankSecret) {
		return out, provider.ErrForged
	}
	return out, json.Unmarshal(body, &out)
}

// makeNotice is a message of the bank about a payment, at a time at which nobody expects
// it: real, forged, or old.
func makeNotice(g *gen, s *Step) bool {
	p := g.payment("")
	if p == nil {
		return false
	}
	s.Payment = p.name
	s.Key = fmt.Sprint("evt_", g.n(20)) // often one that came before
	switch {
	case g.chance(4):
		s.Method = "forged"
	case g.chance(6):
		s.Method = "old"
	}
	g.trouble(s)
	return true
}

func askNotice(w *world, s *Step) *request {
	p := w.payments[s.Payment]
	if p == nil || p.id == "" {
		return nil
	}
	body := map[string]any{"ID": s.Key, "Charges": []string{p.id + ".1", "somebody-else"}}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	at, secret := w.clock.now(), bankSecret
	switch s.Method {
	case "forged":
		secret = wrongSecret
	case "old":
		at = at.Add(-time.Hour)
	}
	return &request{method: "POST", path: "/payments/webhooks/bank", body: body, headers: map[string]string{signature: signed(raw, at, secret)}}
}

// toldNotice sees that a message is taken, or refused for its signature; what it says has
// no effect but that the bank is asked.
func toldNotice(w *world, s *Step, r *reply) {
	switch {
	case r.status == 0 || w.excused():
	case s.Method != "" && r.status != http.StatusForbidden:
		w.fail("a forged message is refused", "%s", r)
	case s.Method == "" && r.status != http.StatusNoContent:
		w.fail("a message of the bank is taken", "%s", r)
	}
}

// makeTextStatus is a call of somebody who plays the provider of text messages, which the
// offices of these histories do not have.
func makeTextStatus(g *gen, s *Step) bool {
	s.Key = g.name("text")
	return true
}

func askTextStatus(_ *world, s *Step) *request {
	return &request{method: "POST", path: "/texts/status?notice=" + s.Key, body: map[string]any{"MessageStatus": "failed"}, headers: map[string]string{"X-Twilio-Signature": "c2lnbmVk"}}
}

func toldTextStatus(w *world, _ *Step, r *reply) {
	if r.status != http.StatusNotFound && r.status != 0 && !w.excused() {
		w.fail("a forged message is refused", "%s", r)
	}
}
