package sms

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the provider's choice; as the hash of an HMAC it is not broken
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// Status is a message's state at the provider: accepted, queued, sending, sent,
// delivered, read, undelivered, failed, canceled.
type Status string

// Delivered reports whether the message has reached the phone.
func (s Status) Delivered() bool { return s == "delivered" || s == "read" }

// Lost reports whether the message will not reach the phone.
func (s Status) Lost() bool { return s == "undelivered" || s == "failed" || s == "canceled" }

// StatusPath is where the provider calls about a message, with its Ref as the
// parameter notice.
const StatusPath = "/texts/status"

// Report is what the provider calls about.
type Report struct {
	ID     string
	Status Status
	Code   int // why it is lost; 0: not said
}

// statusURL is the address that the provider calls about a message; "" if it cannot.
func (c *Client) statusURL(ref string) string {
	if c.cfg.Public == "" {
		return ""
	}
	return c.cfg.Public + StatusPath + "?" + url.Values{"notice": {ref}}.Encode()
}

// Report reads a call about a message; ok is false if it is not the provider's. A
// repeated call has the same signature: whoever acts on it must not mind.
func (c *Client) Report(ref string, form url.Values, signature string) (r Report, ok bool) {
	to := c.statusURL(ref)
	given, err := base64.StdEncoding.DecodeString(signature)
	if to == "" || err != nil || !hmac.Equal(given, Sign(c.cfg.Token, to, form)) {
		return r, false
	}
	r = Report{ID: form.Get("MessageSid"), Status: Status(form.Get("MessageStatus"))}
	r.Code, _ = strconv.Atoi(form.Get("ErrorCode")) // 0 without one
	return r, r.Status != ""
}

// Sign is the signature of a call: HMAC-SHA1 of the address and of all parameters of the
// form, sorted by name and value, each name directly followed by its value.
func Sign(token, address string, form url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = mac.Write([]byte(address)) // a hash never fails
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			_, _ = mac.Write([]byte(name + value))
		}
	}
	return mac.Sum(nil)
}
