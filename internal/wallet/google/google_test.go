package google

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"boxoffice/internal/wallet/google/googletest"
	"boxoffice/internal/walletapi"
)

var update = flag.Bool("update", false, "write the golden files")

const booking = "06a1b2c3d4e5f6g7h8j9k0m1n2p3q4r5s6t7"

func order() *walletapi.Order {
	return &walletapi.Order{
		BookingID: booking, Reference: "Q4R5-S6T7", Holder: "Ann Müller", Event: "Gala", EventVersion: 3, Organizer: "Old Town Theatre",
		Starts: time.Date(2026, 12, 12, 19, 30, 0, 0, time.FixedZone("CET", 3600)), Date: "2026-12-12", Venue: "Old Town Theatre", Address: "Theaterplatz 1, Vienna",
		Seats: []walletapi.Seat{{Ordinal: 41, Token: strings.Repeat("A", 162), Section: "Stalls", Row: "C", Number: "7", Tier: "Best"}, {Ordinal: 42, Token: "B", Section: "Standing"}},
	}
}

func account(t *testing.T) *Account {
	t.Helper()
	a, err := Load(googletest.KeyFile(t), "3388000000022000000")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// open verifies a link's JWT and returns its claims as text.
func open(t *testing.T, a *Account, link string) []byte {
	t.Helper()
	token, found := strings.CutPrefix(link, "https://pay.google.com/gp/v/save/")
	if !found {
		t.Fatalf("%q", link)
	}
	var c jwt.MapClaims
	if _, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience("google"), jwt.WithIssuer(googletest.Email)).ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.key.Public(), nil }); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func TestLink(t *testing.T) {
	a := account(t)
	now := time.Unix(1764460800, 0)
	test := order()
	test.Test, test.Starts, test.Address = true, time.Time{}, ""
	rotating := order()
	rotating.Seats[0].Rotates = &walletapi.Rotating{Token: strings.Repeat("C", 162), Secret: bytes.Repeat([]byte{0xa5}, 20), Period: 3 * time.Second, Digits: 8}
	for name, c := range map[string]struct {
		o    *walletapi.Order
		seat int32
	}{"seat": {order(), 41}, "standing": {order(), 42}, "test": {test, 41}, "rotating": {rotating, 41}} {
		link, err := a.Link(c.o, c.seat, now)
		if err != nil {
			t.Fatal(err)
		}
		got := open(t, a, link)
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s differs (%v); with -update it is written anew:\n%s", file, err, got)
		}
	}
	if _, err := a.Link(order(), 7, now); err == nil {
		t.Error("a link for a seat that the order does not have")
	}
	other := account(t)
	link, err := other.Link(order(), 41, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jwt.Parse(strings.TrimPrefix(link, saveURL), func(*jwt.Token) (any, error) { return a.key.Public(), nil }); err == nil {
		t.Error("it verifies with another account's key")
	}
}

// A link is never longer than browsers allow; the code is always whole.
func TestLinkLength(t *testing.T) {
	a := account(t)
	o := order()
	o.Event, o.Organizer, o.Holder, o.Venue, o.Address = strings.Repeat("Ж", 120), strings.Repeat("Ö", 100), strings.Repeat("山", 80), strings.Repeat("V", 90), strings.Repeat("A", 150)
	o.Seats[0].Tier = strings.Repeat("T", 60)
	link, err := a.Link(o, 41, time.Unix(1764460800, 0))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.TrimPrefix(link, saveURL)); n > 1800 {
		t.Errorf("the JWT has %d characters", n)
	}
	if got := string(open(t, a, link)); !strings.Contains(got, o.Seats[0].Token) || !strings.Contains(got, `"value": "Stalls"`) || strings.Contains(got, "TTT") {
		t.Error(got)
	}
	o.Seats[0].Rotates = &walletapi.Rotating{Token: strings.Repeat("C", 162), Secret: bytes.Repeat([]byte{0xa5}, 20), Period: 3 * time.Second, Digits: 8}
	if link, err = a.Link(o, 41, time.Unix(1764460800, 0)); err != nil || len(strings.TrimPrefix(link, saveURL)) > 1800 || !strings.Contains(string(open(t, a, link)), o.Seats[0].Rotates.Token+"{totp_timestamp_seconds}{totp_value_0}") {
		t.Errorf("a code that rotates: %d characters, %v", len(link), err)
	}
	o.Seats[0].Rotates = nil
	o.Seats[0].Token = strings.Repeat("A", 1200)
	if _, err := a.Link(o, 41, time.Now()); err == nil {
		t.Error("a link that is too long")
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for text, part := range map[string]string{
		"":   "not JSON",
		"{}": "not the key file of a service account",
		`{"type":"authorized_user","client_email":"a@b"}`:                                                                                    "service_account",
		`{"type":"service_account","client_email":"a@b","private_key":"secret"}`:                                                             "no key in PEM",
		`{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"}`: "damaged",
	} {
		name := filepath.Join(dir, "key.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(name, "1"); err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "none"), "1"); err == nil {
		t.Error("no file")
	}
}
