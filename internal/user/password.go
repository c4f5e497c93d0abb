package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"boxoffice/internal/errs"
)

// Parameters of argon2id: the minimum that the OWASP Password Storage Cheat Sheet
// recommends, 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltLen     = 16
	keyLen      = 32
)

// Hashing is the cost of a password hash. The zero value means the cost for real
// passwords; tests that are not about passwords use less.
type Hashing struct {
	Memory uint32 // KiB
	Time   uint32 // passes
}

// prefix returns the beginning of a hash with these parameters in the PHC string
// format.
func (c Hashing) prefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, c.Memory, c.Time, argonLanes)
}

// Lengths of passwords, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

// perCore is how many log-ins one core accepts at a time. The last of them waits
// about seven seconds, which is within a request's time limit.
const perCore = 200

//go:embed common_passwords.txt
var commonText string

// hasher computes password hashes, a few at a time: each takes 19 MiB and a core for
// about 30 ms. When the queue is full, requests are refused and may be retried.
type hasher struct {
	cost   Hashing
	phc    string        // how its hashes begin
	slots  chan struct{} // hold one for each hash that is computed
	queue  chan struct{} // and for each that is computed or waits
	dummy  string        // checked if there is no account, so that both cases take the same time
	common map[string]bool
	words  map[string]bool // common passwords without their tail
}

func newHasher(cost Hashing) (*hasher, error) {
	if cost == (Hashing{}) {
		cost = Hashing{Memory: argonMemory, Time: argonTime}
	}
	n := runtime.GOMAXPROCS(0)
	h := &hasher{cost: cost, phc: cost.prefix(), slots: make(chan struct{}, n), queue: make(chan struct{}, perCore*n), common: map[string]bool{}, words: map[string]bool{}}
	for _, p := range strings.Fields(commonText) {
		h.common[p] = true
		if word := strings.TrimRight(p, tailSigns); len(word) > 3 {
			h.words[word] = true
		}
	}
	var err error
	h.dummy, err = h.hash(context.Background(), "nobody has this password")
	return h, err
}

// run waits for its turn and computes a hash.
func (h *hasher) run(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return nil, errs.New(errs.Unavailable, "busy", "Too many people are signing in; please try again in a moment.").After(2 * time.Second)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, h.cost.Time, h.cost.Memory, argonLanes, keyLen), nil
}

// hash returns a new PHC string for a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	key, err := h.run(ctx, password, salt)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return h.phc + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key), nil
}

// check reports whether a password matches a PHC string. It takes the same time for
// an account without a hash, and then reports false.
func (h *hasher) check(ctx context.Context, phc, password string) (bool, error) {
	usable := phc != ""
	if !usable {
		phc = h.dummy
	}
	if utf8.RuneCountInString(password) > maxPassword {
		usable, password = false, "" // no password is this long, and hashing megabytes is expensive
	}
	salt, want, err := h.parse(phc)
	if err != nil {
		return false, err
	}
	got, err := h.run(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && usable, nil
}

// parse reads salt and key from a PHC string. All hashes have the hasher's
// parameters; changing those requires a way to tell old hashes from new ones.
func (h *hasher) parse(phc string) (salt, key []byte, err error) {
	rest, ok := strings.CutPrefix(phc, h.phc)
	saltText, keyText, two := strings.Cut(rest, "$")
	if !ok || !two {
		return nil, nil, errors.New("password hash: not argon2id with the parameters in use")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(saltText); err != nil {
		return nil, nil, fmt.Errorf("password hash: salt: %w", err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(keyText); err != nil {
		return nil, nil, fmt.Errorf("password hash: key: %w", err)
	}
	return salt, key, nil
}

// acceptable returns what is wrong with a new password.
func (h *hasher) acceptable(password, email, username string) errs.Reason {
	n := utf8.RuneCountInString(password)
	low := strings.ToLower(password)
	local, _, _ := strings.Cut(email, "@")
	switch {
	case n < minPassword:
		return errs.Why("too-short", "must have at least %d characters", minPassword)
	case n > maxPassword:
		return errs.Why("too-long", "must have at most %d characters", maxPassword)
	case h.isCommon(low):
		return errs.Why("common-password", "is among the first that anybody would try")
	case low == email || low == local || low == username:
		return errs.Why("password-is-name", "must not be the name of the account")
	}
	return errs.Reason{}
}

// isCommon reports whether a password is a well-known one, possibly followed by up
// to four digits or signs, or one character repeated.
func (h *hasher) isCommon(low string) bool {
	if h.common[low] {
		return true
	}
	word := strings.TrimRight(low, tailSigns)
	if tail := len(low) - len(word); tail <= 4 && h.words[word] {
		return true
	}
	first, _ := utf8.DecodeRuneInString(low)
	return strings.TrimLeft(low, string(first)) == ""
}

// tailSigns are characters that people append to a word to make a password.
const tailSigns = "0123456789!?.*#$-_"
