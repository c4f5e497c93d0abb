package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	secretPrefix = "whsec_"
	secretBytes  = 32
)

// newSecret is a new key to sign with.
func newSecret() string {
	var key [secretBytes]byte
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// sign sets the headers of Standard Webhooks on a request: the message's id, the time of
// this attempt, and a signature of both and the body for each secret. A receiver accepts
// the message if one of them is right, so that it may learn of a new secret a little
// later.
func sign(h http.Header, secrets []string, messageID string, at time.Time, body []byte) error {
	seconds := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			return fmt.Errorf("secret of a webhook: %w", err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(messageID + "." + seconds + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set(headerID, messageID)
	h.Set(headerTimestamp, seconds)
	h.Set(headerSignature, strings.Join(signatures, " "))
	return nil
}
