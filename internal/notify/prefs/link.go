package prefs

import (
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strings"

	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
)

// A token is the hash of an address, a topic, an organizer, and a keyed hash of these.
// It needs no row, and works for as long as the key exists: unsubscribing must not depend
// on when it is done.

const hashLen = 16

// topics are the topics by their letter in tokens.
var topics = map[byte]notifyapi.Topic{'a': notifyapi.Announcements, 'r': notifyapi.Reminders}

// maxToken is longer than any token.
const maxToken = 200

// Link returns the address at which somebody unsubscribes from an organizer's mails of a
// topic; "" if this site does not know its own address.
func (l *List) Link(topic notifyapi.Topic, organizer, address string) string {
	if !strings.HasPrefix(l.url, "https://") && !strings.HasPrefix(l.url, "http://") {
		return ""
	}
	return l.url + "/unsubscribe?token=" + l.token(topic, organizer, address)
}

func (l *List) token(topic notifyapi.Topic, organizer, address string) string {
	var letter byte
	for b, t := range topics {
		if t == topic {
			letter = b
		}
	}
	payload := slices.Concat(l.hash(address), []byte{letter}, []byte(organizerKey(organizer)))
	return text(append(payload, l.sum("link", string(payload))...))
}

// subject is what a token stands for.
type subject struct {
	hash []byte // of the address
	line
}

// read returns what a token stands for; NotFound if it was not made here.
func (l *List) read(token string) (s subject, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxToken || len(raw) < 2*hashLen+2 {
		return s, errs.Missing("link")
	}
	payload, mac := raw[:len(raw)-hashLen], raw[len(raw)-hashLen:]
	if !hmac.Equal(mac, l.sum("link", string(payload))) {
		return s, errs.Missing("link")
	}
	s.hash, s.topic, s.organizer = payload[:hashLen], topics[payload[hashLen]], string(payload[hashLen+1:])
	if s.topic == "" { // of a later version
		return s, errs.Missing("link")
	}
	return s, nil
}
