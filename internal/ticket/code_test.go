package ticket

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Unix(1_796_068_800, 0)

func onPhone(t testing.TB, s Signer, phone ed25519.PrivateKey, at time.Time, timed bool) string {
	return onPhoneOf(t, s, sample, phone, at, timed)
}

// onPhoneOf is the code of a ticket on a phone that it is bound to.
func onPhoneOf(t testing.TB, s Signer, of Ticket, phone ed25519.PrivateKey, at time.Time, timed bool) string {
	t.Helper()
	part, err := s.Part(of, PhoneKey(phone.Public().(ed25519.PublicKey)))
	if err != nil || len(part) != PartLen {
		t.Fatal(len(part), err)
	}
	code, err := PhoneCode(part, phone, at, timed)
	if err != nil || len(code) != PhoneCodeLen {
		t.Fatal(len(code), err)
	}
	return code
}

// repeated is the code that another phone makes of what it has seen.
func repeated(t testing.TB, part string, phone ed25519.PrivateKey, at time.Time) string {
	t.Helper()
	code, err := PhoneCode(part, phone, at, true)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func inWallet(t testing.TB, s Signer, at time.Time) string {
	t.Helper()
	token, secret, err := s.Wallet(sample)
	if err != nil {
		t.Fatal(err)
	}
	code, err := WalletCode(token, secret, at)
	if err != nil || len(code) != WalletCodeLen {
		t.Fatal(code, err)
	}
	return code
}

func TestPhoneCode(t *testing.T) {
	s := signer(t, key(1), key(2))
	for _, timed := range []bool{true, false} {
		got, err := s.Keys().Verify(onPhone(t, s, key(9), noon, timed), event)
		if want := (Code{Ticket: sample, Kind: OnPhone, Phone: PhoneKey(key(9).Public().(ed25519.PublicKey)), At: noon.Unix(), Timed: timed}); err != nil || got != want {
			t.Errorf("%+v, not %+v: %v", got, want, err)
		}
	}
}

// Whatever bit is turned in a phone's code, it is refused; so is one that another phone
// has signed.
func TestPhoneCodeTamper(t *testing.T) {
	s := signer(t, key(1), key(2))
	code := onPhone(t, s, key(9), noon, true)
	rapid.Check(t, func(t *rapid.T) {
		raw, _ := encoding.DecodeString(code)
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := s.Keys().Verify(encoding.EncodeToString(raw), ""); err == nil || got != (Code{}) {
			t.Fatalf("%+v", got)
		}
	})
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" {
		text := code[:len(code)-1] + string(letter)
		if _, err := s.Keys().Verify(text, ""); text != code && err == nil {
			t.Errorf("%s and %s are one code", text, code)
		}
	}
	part, err := s.Part(sample, PhoneKey(key(9).Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		other := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "seed"))
		if bytes.Equal(other, key(9)) {
			rt.Skip()
		}
		if _, err := s.Keys().Verify(repeated(t, part, other, noon), ""); !errors.Is(err, ErrSignature) {
			rt.Fatalf("%v", err)
		}
	})
}

// The window is right for every error of the two offsets within the allowance: a phone's own
// code is never refused, and a copy always is, 15 s after it was made.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(most time.Duration, name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(t, name)) * time.Millisecond
		}
		phone, gate := ms(2*OffsetMost, "phone")-OffsetMost, ms(2*OffsetMost, "gate")-OffsetMost
		made := noon.Add(ms(time.Hour, "made"))
		c := Code{Kind: OnPhone, At: made.Add(phone).Unix(), Timed: true}
		if read := made.Add(ms(RenewEvery, "shown") + ms(time.Second, "read")); !c.Fresh(read.Add(gate)) {
			t.Fatalf("a phone's own code is refused after %v", read.Sub(made))
		}
		copied := made.Add(CopyAfter + ms(time.Hour, "later"))
		if c.Fresh(copied.Add(gate)) {
			t.Fatalf("a copy is taken after %v", copied.Sub(made))
		}
	})
}

func TestWalletCode(t *testing.T) {
	s := signer(t, key(1), key(2))
	code := inWallet(t, s, noon.Add(time.Second))
	got, err := s.Keys().Verify(code, event)
	if err != nil || got.Ticket != sample || got.Kind != InWallet || got.At != noon.Unix() || !s.Proves(&got) {
		t.Fatalf("%+v %v", got, err)
	}
	later := sample
	later.Issue++
	token, secret, err := s.Wallet(later)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := WalletCode(token, secret, noon)
	for name, text := range map[string]string{
		"another password":             code[:WalletCodeLen-1] + string('0'+('9'-code[WalletCodeLen-1])),
		"of another time":              code[:TokenLen] + "1796068803" + code[TokenLen+timeDigits:],
		"the password of a later one":  code[:TokenLen+timeDigits] + other[TokenLen+timeDigits:],
		"the password of no time":      code[:TokenLen] + "0000000000" + code[TokenLen+timeDigits:],
		"signed with a key that is no": inWallet(t, signer(t, key(3)), noon),
	} {
		if got, err := s.Keys().Verify(text, event); err == nil && s.Proves(&got) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// RFC 6238: the value is what any authenticator computes from the secret.
	if again := inWallet(t, signer(t, key(2)), noon); again != inWallet(t, s, noon) {
		t.Error("the secret does not depend on the key alone")
	}
	if fixed, _ := s.Keys().Verify(sign(t, s, sample), ""); !s.Proves(&fixed) || !fixed.Fresh(noon) {
		t.Error("a fixed code needs no proof")
	}
}

// The values of RFC 6238, appendix B, for our period.
func TestPassword(t *testing.T) {
	for at, want := range map[int64]string{59: "94287082", 1_111_111_109: "07081804", 2_000_000_000: "69279037"} { // of 30 s periods
		if got, err := password([]byte("12345678901234567890"), time.Unix(at/30*int64(WalletPeriod/time.Second)+1, 0)); err != nil || got != want {
			t.Errorf("%d: %s, not %s: %v", at, got, want, err)
		}
	}
}

func TestTime(t *testing.T) {
	s := signer(t, key(1), key(2))
	reader := base64.RawURLEncoding.EncodeToString(key(9).Public().(ed25519.PublicKey))
	now := s.Time(reader, noon)
	if now.Now != noon.UnixMicro() || !s.Keys().VerifyTime(reader, now) || s.Keys().VerifyTime("another", now) {
		t.Errorf("%+v", now)
	}
	later := now
	later.Now++
	if s.Keys().VerifyTime(reader, later) || signer(t, key(1)).Keys().VerifyTime(reader, now) {
		t.Error("a forged time is taken")
	}
}

func TestPhoneCodeRefuses(t *testing.T) {
	s := signer(t, key(1))
	part, err := s.Part(sample, PhoneKey(key(9).Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (string, error){
		"no ticket":         func() (string, error) { return PhoneCode("", key(9), noon, true) },
		"a fixed code":      func() (string, error) { return PhoneCode(sign(t, s, sample), key(9), noon, true) },
		"before 1970":       func() (string, error) { return PhoneCode(part, key(9), time.Unix(-1, 0), true) },
		"a part of nothing": func() (string, error) { return s.Part(Ticket{}, PhoneKey{}) },
		"a wallet of nothing": func() (string, error) {
			_, _, err := s.Wallet(Ticket{BookingID: strings.ToUpper(sample.BookingID), PlanVersion: 1})
			return hex.EncodeToString(nil), err
		},
	} {
		if text, err := try(); err == nil {
			t.Errorf("%s: %s", name, text)
		}
	}
	if (Signer{}).IsZero() == s.IsZero() {
		t.Error("a signer without keys")
	}
}
