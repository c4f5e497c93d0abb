package ticket

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/internal/id"
)

// key is a private key, the same for the same n.
func key(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func signer(t testing.TB, keys ...ed25519.PrivateKey) Signer {
	t.Helper()
	s, err := NewSigner(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const event, otherEvent = "06evjtkv80f5x1n8", "06evjtkv80f5x1n9"

var sample = Ticket{BookingID: id.Booking(event, "ann", "key"), Seat: 4711, PlanVersion: 3, Issue: 2}

// old returns the token of a ticket as earlier versions of the program made it.
func old(t testing.TB, k ed25519.PrivateKey, of Ticket) string {
	t.Helper()
	booking, ok := id.Pack(of.BookingID)
	if !ok {
		t.Fatal(of.BookingID)
	}
	key := thumbprint(k.Public().(ed25519.PublicKey))
	b := append(append([]byte{version1}, key[:]...), booking[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(of.Seat))
	return encoding.EncodeToString(append(b, ed25519.Sign(k, b)...))
}

func sign(t testing.TB, s Signer, ticket Ticket) string {
	t.Helper()
	token, err := s.Sign(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSignAndVerify(at *testing.T) {
	s := signer(at, key(1))
	rapid.Check(at, func(t *rapid.T) {
		event := id.FromSource("event", rapid.String().Draw(t, "event"))
		want := Ticket{
			id.Booking(event, rapid.String().Draw(t, "user"), rapid.StringN(1, 9, -1).Draw(t, "key")), rapid.Int32Min(0).Draw(t, "seat"),
			rapid.Int64Range(1, math.MaxUint32).Draw(t, "plan"), rapid.Uint16().Draw(t, "issue"),
		}
		token, err := s.Sign(want)
		if err != nil {
			t.Fatal(err)
		}
		if len(token) != TokenLen {
			t.Fatalf("%d characters", len(token))
		}
		first := want
		first.PlanVersion, first.Issue = 0, 0
		if got, err := s.Keys().Verify(old(at, key(1), want), event); err != nil || got.Ticket != first {
			t.Fatalf("version 1: %+v, not %+v: %v", got, first, err)
		}
		for _, text := range []string{token, strings.ToLower(token)} {
			if got, err := s.Keys().Verify(text, event); err != nil || got.Ticket != want || got.EventID() != event {
				t.Fatalf("%+v, not %+v: %v", got, want, err)
			}
		}
	})
}

// Whatever is changed in a token, it is refused: in its bytes, and in its letters, of
// which the last has bits to spare.
func TestTamper(t *testing.T) {
	s := signer(t, key(1), key(2))
	for _, token := range []string{sign(t, s, sample), old(t, key(1), sample)} {
		raw, err := encoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(t *rapid.T, text string) {
			if got, err := s.Keys().Verify(text, ""); err == nil || got != (Code{}) {
				t.Fatalf("%s: %+v %v", text, got, err)
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			changed := append([]byte(nil), raw...)
			changed[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			refused(t, encoding.EncodeToString(changed))
		})
		rapid.Check(t, func(t *rapid.T) {
			at := rapid.IntRange(0, len(token)-1).Draw(t, "letter")
			letter := rapid.SampledFrom([]byte(strings.Replace("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", token[at:at+1], "", 1))).Draw(t, "to")
			refused(t, token[:at]+string(letter)+token[at+1:])
		})
		for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" {
			if text := token[:len(token)-1] + string(letter); text != token {
				if _, err := s.Keys().Verify(text, ""); err == nil {
					t.Errorf("%s and %s are one ticket", text, token)
				}
			}
		}
	}
}

func TestVerifySaysWhy(t *testing.T) {
	s := signer(t, key(1))
	token := sign(t, s, sample)
	change := func(at int, to string) string { return token[:at] + to + token[at+1:] }
	letter := token[TokenLen-2]
	wrong := change(TokenLen-2, map[bool]string{true: "B", false: "A"}[letter == 'A'])
	spare := change(TokenLen-1, string(token[TokenLen-1]+1)) // a multiple of four in A…Z, 2…7: the next letter has another spare bit
	foreign, err := signer(t, key(2)).Sign(sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, token, event string
		want               error
	}{
		{"good", token, event, nil},
		{"any event", token, "", nil},
		{"nothing", "", event, ErrMalformed},
		{"too short", token[1:], event, ErrMalformed},
		{"a letter that is none", change(9, "1"), event, ErrMalformed},
		{"a line end", change(9, "\n"), event, ErrMalformed},
		{"another version", change(0, "B"), event, ErrMalformed},
		{"the length of version 1", token[:tokenLen1], event, ErrMalformed},
		{"version 1", old(t, key(1), sample), event, nil},
		{"version 1 as version 2", "AI" + old(t, key(1), sample)[2:], event, ErrMalformed},
		{"a bit to spare", spare, event, ErrMalformed},
		{"a web address", strings.Repeat("https://example.org/", 9)[:TokenLen], event, ErrMalformed},
		{"another key", foreign, event, ErrUnknownKey},
		{"signature", wrong, event, ErrSignature},
		{"event", token, otherEvent, ErrAnotherEvent},
	} {
		if _, err := s.Keys().Verify(c.token, c.event); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
	}
	if got, _ := s.Keys().Verify(token, otherEvent); got.Ticket != sample {
		t.Errorf("it is not told what the ticket is for: %+v", got)
	}
}

func TestSignRefuses(t *testing.T) {
	s := signer(t, key(1))
	for _, bad := range []Ticket{
		{}, {BookingID: event, PlanVersion: 1}, {BookingID: sample.BookingID, Seat: -1, PlanVersion: 1},
		{BookingID: strings.ToUpper(sample.BookingID), PlanVersion: 1}, {BookingID: sample.BookingID}, {BookingID: sample.BookingID, PlanVersion: 1 << 32},
	} {
		if token, err := s.Sign(bad); err == nil {
			t.Errorf("%+v: %s", bad, token)
		}
	}
	if _, err := NewSigner(nil); err == nil {
		t.Error("it signs without a key")
	}
}

// Old tickets stay good after the key was changed.
func TestRotation(t *testing.T) {
	before, after := signer(t, key(1)), signer(t, key(1), key(2))
	former, young := sign(t, before, sample), sign(t, after, sample)
	if former == young {
		t.Fatal("the newest key does not sign")
	}
	keys, err := ParseKeys(after.Keys().Document())
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{former, young} {
		if got, err := keys.Verify(token, event); err != nil || got.Ticket != sample {
			t.Errorf("%+v %v", got, err)
		}
	}
	if _, err := before.Keys().Verify(young, event); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("%v", err)
	}
}

func TestParseKeys(t *testing.T) {
	good := string(NewKeys(key(1).Public().(ed25519.PublicKey)).Document())
	for name, c := range map[string]struct {
		doc string
		ok  bool
	}{
		"own":         {good, true},
		"others too":  {strings.Replace(good, "[", `[{"kty":"RSA","n":"x"},`, 1), true},
		"not JSON":    {"x", false},
		"no key":      {`{"keys":[]}`, false},
		"only others": {`{"keys":[{"kty":"RSA"}]}`, false},
		"wrong name":  {strings.Replace(good, `"kid": "`, `"kid": "0`, 1), false},
		"short":       {strings.Replace(good, `"x": "`, `"x": "" , "y": "`, 1), false},
		"not base 64": {strings.Replace(good, `"x": "`, `"x": "!`, 1), false},
	} {
		if _, err := ParseKeys([]byte(c.doc)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 8037 A.2 and A.3: a public key and its thumbprint.
func TestThumbprint(t *testing.T) {
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	full, _ := base64.RawURLEncoding.DecodeString("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
	if got := thumbprint(x).String(); got != hex.EncodeToString(full[:keyIDLen]) {
		t.Error(got)
	}
}

func FuzzVerify(f *testing.F) {
	s := signer(f, key(1), key(2))
	token, first := sign(f, s, sample), old(f, key(1), sample)
	f.Add(token)
	f.Add(first)
	f.Add(first[:tokenLen1-1] + "A")
	f.Add(token[:TokenLen-1] + "A")
	f.Add(strings.Repeat("A", TokenLen))
	f.Add("")
	phones, wallets := onPhone(f, s, key(9), noon, true), inWallet(f, s, noon)
	f.Add(phones)
	f.Add(wallets)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := s.Keys().Verify(text, "")
		if (err == nil) != (got != Code{}) {
			t.Fatalf("%+v %v", got, err)
		}
		if err == nil && !strings.EqualFold(text, token) && !strings.EqualFold(text, first) && !strings.EqualFold(text, phones) && (got.Kind != InWallet || s.Proves(&got) && !strings.EqualFold(text[:TokenLen], wallets[:TokenLen])) {
			t.Fatalf("%q is taken for a ticket", text)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add(signer(f, key(1), key(2)).Keys().Document())
	f.Fuzz(func(t *testing.T, doc []byte) {
		keys, err := ParseKeys(doc)
		if err != nil {
			return
		}
		if again, err := ParseKeys(keys.Document()); err != nil || len(again.keys) != len(keys.keys) {
			t.Fatalf("%v", err)
		}
	})
}
