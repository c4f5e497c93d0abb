package user

import (
	"crypto/hmac"
	"crypto/sha256"

	"boxoffice/internal/message"
)

// emailSecret is the name of the secret that keys of addresses are made with.
const emailSecret = "email"

// emailKey is the key of a normalized address: HMAC-SHA256, cut to 16 bytes, so
// that nobody without the secret can tell whose it is by trying addresses.
func (s *Service) emailKey(address string) (key message.EmailKey) {
	if address == "" {
		return key
	}
	mac := hmac.New(sha256.New, s.secret)
	_, _ = mac.Write([]byte(address)) // a hash never fails
	copy(key[:], mac.Sum(nil))
	return key
}
