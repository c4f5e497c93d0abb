package ticket

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"boxoffice/internal/id"
)

// Code is what a scanner has read: a ticket, and how it is shown.
type Code struct {
	Ticket
	Kind  Kind
	Phone PhoneKey // OnPhone: whose signature the code has
	At    int64    // s since 1970, by the server's time: when phone or wallet made the code; 0: of a fixed one
	Timed bool     // the phone knows its offset to the server's time, so that At can be checked

	key keyID  // InWallet: for Signer.Proves
	otp string // the same
}

// Kind says how a ticket is shown.
type Kind uint8

// The kinds of codes.
const (
	Fixed    Kind = iota // printed, or a picture: it never changes
	OnPhone              // made anew every few seconds by the phone that the ticket is bound to
	InWallet             // made anew every few seconds by Google Wallet
)

// PhoneKey is the Ed25519 public key of a phone. The zero value is none.
type PhoneKey [ed25519.PublicKeySize]byte

// A phone's code is, in bytes: what the office has signed (version 3, key id 4, booking id
// 22, seat 4, plan version 4, issue 2, the phone's key 32, signature 64), flags 1 (bit 0: the
// phone knows its offset to the server's time; the others are zero), time 5 (s since 1970, by
// the server's time), and the phone's signature 64 over phoneDomain and all before it. 203
// bytes are 325 characters of base 32. With error correction L, which is enough for a screen,
// they need QR version 9 (53 × 53 modules).
//
// A wallet's code is the 162 characters of a token of version 4, the time as 10 digits (s
// since 1970), and a one-time password of 8 digits for it (RFC 6238).
const (
	bodyPhone = bodyLen2 + ed25519.PublicKeySize
	partPhone = bodyPhone + ed25519.SignatureSize // what the office gives the phone
	rawPhone  = partPhone + 1 + 5 + ed25519.SignatureSize

	PartLen      = (partPhone*8 + 4) / 5 // characters of what the office gives a phone
	PhoneCodeLen = (rawPhone*8 + 4) / 5

	flagTimed = 1

	timeDigits    = 10
	WalletDigits  = 8 // of a one-time password
	WalletCodeLen = TokenLen + timeDigits + WalletDigits

	phoneDomain  = "boxoffice code\n"
	walletDomain = "boxoffice wallet code\n"
	timeDomain   = "boxoffice time\n"
)

// How long a code is good. A phone makes a new one every 4 s; reading it takes up to 1 s, its
// time is cut to a second, and the offsets of phone and gate to the server's time may be wrong
// by 2 s each (they count as unknown otherwise): so a phone's own code seems 10 s old at most,
// and a copy that is shown 15 s later seems 15 - 4 = 11 s old at least.
const (
	RenewEvery = 4 * time.Second
	OldMost    = 10 * time.Second
	AheadMost  = 5 * time.Second
	CopyAfter  = 15 * time.Second // a copy that is shown so long after it was made is refused
	OffsetMost = 2 * time.Second  // error of an offset that counts as known

	WalletPeriod = 3 * time.Second // of one-time passwords
)

// Fresh reports whether a code that changes with time is one of now, and true for a fixed
// one. Whoever asks must know the server's time within OffsetMost. It is no answer if the
// code is not Timed.
func (c *Code) Fresh(now time.Time) bool {
	age := now.Sub(time.Unix(c.At, 0))
	return c.Kind == Fixed || age >= -AheadMost && age <= OldMost
}

// parts are the bytes of a code by what they are.
type parts struct {
	body, signature []byte // the office's
	rest            []byte // of a phone: flags and time
	phones          []byte // the phone's signature
	digits          string // of a wallet
}

// split reads a code of a known version.
func split(code string) (s parts, ok bool) {
	token := code
	if len(code) == WalletCodeLen {
		token, s.digits = code[:TokenLen], code[TokenLen:]
	}
	switch len(token) {
	case tokenLen1, TokenLen, PhoneCodeLen:
	default:
		return s, false
	}
	b, ok := unpack(token)
	if !ok {
		return s, false
	}
	body := 0
	switch {
	case len(b) == rawLen1 && b[0] == version1:
		body = bodyLen1
	case len(b) == rawLen2 && s.digits == "" && b[0] == version2, len(b) == rawLen2 && s.digits != "" && b[0] == versionWallet:
		body = bodyLen2
	case len(b) == rawPhone && b[0] == versionPhone && b[partPhone]&^flagTimed == 0:
		body, s.rest, s.phones = bodyPhone, b[partPhone:rawPhone-ed25519.SignatureSize], b[rawPhone-ed25519.SignatureSize:]
	default:
		return s, false
	}
	for _, c := range s.digits {
		if c < '0' || c > '9' {
			return s, false
		}
	}
	s.body, s.signature = b[:body], b[body:body+ed25519.SignatureSize]
	return s, true
}

// message is what a phone signs.
func (s *parts) message() []byte {
	return append(append(append([]byte(phoneDomain), s.body...), s.signature...), s.rest...)
}

// content reads what a code says; false: the office cannot have signed that.
func (s *parts) content() (c Code, ok bool) {
	seat := binary.BigEndian.Uint32(s.body[bodyLen1-4:])
	c.Ticket = Ticket{BookingID: id.Unpack([id.PackedLen]byte(s.body[1+keyIDLen:])), Seat: int32(seat)}
	if seat > math.MaxInt32 {
		return Code{}, false
	}
	if s.body[0] == version1 {
		return c, true
	}
	c.PlanVersion = int64(binary.BigEndian.Uint32(s.body[bodyLen1:]))
	c.Issue = binary.BigEndian.Uint16(s.body[bodyLen1+4:])
	switch s.body[0] {
	case versionPhone:
		c.Kind, c.Phone, c.Timed = OnPhone, PhoneKey(s.body[bodyLen2:]), s.rest[0]&flagTimed != 0
		c.At = int64(binary.BigEndian.Uint64(append([]byte{0, 0, 0}, s.rest[1:]...)))
	case versionWallet:
		c.Kind, c.Timed, c.key, c.otp = InWallet, true, keyID(s.body[1:]), s.digits[timeDigits:]
		at, err := strconv.ParseInt(s.digits[:timeDigits], 10, 64)
		if err != nil {
			return Code{}, false
		}
		c.At = at - at%int64(WalletPeriod/time.Second) // all that the password proves
	}
	return c, c.PlanVersion > 0
}

// Part makes what a phone needs to show a ticket that is bound to it: PartLen characters,
// with which only the owner of the phone's private key can make codes (see PhoneCode).
func (s Signer) Part(t Ticket, phone PhoneKey) (string, error) {
	return s.now.Load().sign(versionPhone, t, phone[:])
}

// PhoneCode makes the code of a ticket as a phone does, from what the office has signed, at a
// time by the server's clock as far as the phone knows it; timed is false if it does not.
func PhoneCode(part string, key ed25519.PrivateKey, at time.Time, timed bool) (string, error) {
	b, ok := unpack(part)
	if !ok || len(b) != partPhone || at.Unix() < 0 || at.Unix() >= 1<<40 {
		return "", fmt.Errorf("code of a phone: %d characters, at %d: not a ticket's part", len(part), at.Unix())
	}
	flags := byte(0)
	if timed {
		flags = flagTimed
	}
	var sec [8]byte
	binary.BigEndian.PutUint64(sec[:], uint64(at.Unix()))
	b = append(append(b, flags), sec[3:]...)
	return encoding.EncodeToString(append(b, ed25519.Sign(key, append([]byte(phoneDomain), b...))...)), nil
}

// Wallet makes what Google Wallet needs to show a ticket: the token with which each of its
// codes begins, and the secret of its one-time passwords.
func (s Signer) Wallet(t Ticket) (token string, secret []byte, err error) {
	k := s.now.Load()
	if token, err = k.sign(versionWallet, t, nil); err == nil {
		secret, err = walletSecret(k.key, t)
	}
	return token, secret, err
}

// WalletCode makes the code of a ticket as a wallet does.
func WalletCode(token string, secret []byte, at time.Time) (string, error) {
	pass, err := password(secret, at)
	return fmt.Sprintf("%s%0*d%s", token, timeDigits, at.Unix(), pass), err
}

// Proves reports whether the one-time password of a wallet's code is right. Only nodes can
// tell: a device does not have the secrets. Codes of other kinds need no proof.
func (s Signer) Proves(c *Code) bool {
	if c.Kind != InWallet {
		return true
	}
	for _, key := range s.now.Load().all {
		if thumbprint(key.Public().(ed25519.PublicKey)) != c.key {
			continue
		}
		secret, err := walletSecret(key, c.Ticket)
		if err != nil {
			return false
		}
		want, err := password(secret, time.Unix(c.At, 0))
		return err == nil && hmac.Equal([]byte(want), []byte(c.otp))
	}
	return false
}

// IsZero reports whether the signer has no keys: it is of a node that must not sign.
func (s Signer) IsZero() bool { return s.now == nil }

// walletSecret derives the secret of a ticket in a wallet (RFC 5869). It changes with each
// issue, and needs no table.
func walletSecret(key ed25519.PrivateKey, t Ticket) ([]byte, error) {
	booking, ok := id.Pack(t.BookingID)
	if !ok {
		return nil, fmt.Errorf("secret of a ticket: %q is not a booking", t.BookingID)
	}
	info := append([]byte(walletDomain), booking[:]...)
	info = binary.BigEndian.AppendUint32(info, uint32(t.Seat))
	info = binary.BigEndian.AppendUint32(info, uint32(t.PlanVersion))
	return hkdf.Key(sha256.New, key.Seed(), nil, string(binary.BigEndian.AppendUint16(info, t.Issue)), 20) // of SHA-1, which Google demands
}

// password is the one-time password at a time.
func password(secret []byte, at time.Time) (string, error) {
	return totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(secret), at, totp.ValidateOpts{
		Period: uint(WalletPeriod / time.Second), Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA1,
	})
}

// SignedTime is the server's time, signed for one reader.
type SignedTime struct {
	Now       int64  `json:"now" doc:"The server's time, µs since 1970." example:"1796068800000000"`
	KeyID     string `json:"kid" doc:"Id of the key that has signed it, one of /tickets/keys.json." example:"9f86d081"`
	Signature string `json:"signature" doc:"Ed25519 signature, in base64url, of the text \"boxoffice time\", a line feed, the reader, a line feed, and now in decimal digits."`
}

// Time signs the time for a phone (its public key in base64url) or a gate (its device id).
func (s Signer) Time(reader string, now time.Time) SignedTime {
	k, at := s.now.Load(), now.UnixMicro()
	return SignedTime{at, k.id.String(), base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.key, timeText(reader, at)))}
}

// VerifyTime reports whether a time was signed for a reader.
func (k Keys) VerifyTime(reader string, t SignedTime) bool {
	signature, err := base64.RawURLEncoding.DecodeString(t.Signature)
	for _, p := range k.keys {
		if p.id.String() == t.KeyID {
			return err == nil && ed25519.Verify(p.key, timeText(reader, t.Now), signature)
		}
	}
	return false
}

func timeText(reader string, now int64) []byte {
	return fmt.Appendf(nil, "%s%s\n%d", timeDomain, reader, now)
}
