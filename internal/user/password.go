package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"boxoffice/internal/errs"
)

// Parameters of argon2id, as the OWASP Password Storage Cheat Sheet recommends
// at least: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltLen     = 16
	keyLen      = 32
)

// Lengths of passwords, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

//go:embed common_passwords.txt
var commonText string

// hasher computes password hashes, a few at a time: each takes 19 MiB and a
// core for some 30 ms. Who finds the queue full is asked to come back.
type hasher struct {
	slots  chan struct{}
	queue  chan struct{}
	dummy  string // is checked when there is no account, so that both take the same time
	common map[string]bool
}

func newHasher() (*hasher, error) {
	n := runtime.GOMAXPROCS(0)
	h := &hasher{slots: make(chan struct{}, n), queue: make(chan struct{}, 256*n), common: map[string]bool{}}
	for _, p := range strings.Fields(commonText) {
		h.common[p] = true
	}
	var err error
	h.dummy, err = h.hash(context.Background(), "nobody has this password")
	return h, err
}

// run waits for a place and computes.
func (h *hasher) run(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return nil, errs.New(errs.Unavailable, "busy", "Too many people sign in at once; please try again in a moment.").After(2 * time.Second)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, keyLen), nil
}

// hash is a new PHC string for a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	key, err := h.run(ctx, password, salt)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// check reports whether a password is the one of a PHC string. An account
// without a hash takes as long as any other, and matches nothing.
func (h *hasher) check(ctx context.Context, phc, password string) (bool, error) {
	usable := phc != ""
	if !usable {
		phc = h.dummy
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 {
		return false, fmt.Errorf("password hash has %d parts", len(parts))
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	got, err := h.run(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && usable, nil
}

// acceptable says what is wrong with a new password; "" when nothing is.
func (h *hasher) acceptable(password, email string) string {
	n := utf8.RuneCountInString(password)
	low := strings.ToLower(password)
	name, _, _ := strings.Cut(email, "@")
	switch {
	case n < minPassword:
		return fmt.Sprintf("must have at least %d characters", minPassword)
	case n > maxPassword:
		return fmt.Sprintf("must have at most %d characters", maxPassword)
	case h.common[low] || len(strings.Trim(low, low[:1])) == 0:
		return "is among the first that anybody would try"
	case email != "" && (low == email || low == name):
		return "must not be the e-mail address"
	}
	return ""
}
