package cards

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	for text, want := range map[string]bool{
		"4111111111111111":                             true,
		"4111 1111 1111 1111":                          true,
		"4111-1111-1111-1111":                          true,
		"2021.2022.2023.2027":                          false, // years; see InToken
		"4111_1111_1111_1111":                          false,
		"3782 822463 10005":                            true,
		"my card is 4111 1111 1111 1111 12/27, thanks": true,
		"4222222222222":                                true,
		"501234567896":                                 false, // 12 digits, as phone numbers have
		"6304000000000000000":                          true,  // 19 digits
		"4111 1111 1111 1111 and more":                 true,
		`{"seats":["a"],"card":"4111111111111111"}`:    true,
		"4111111111111112":                             false, // check digit
		"501234567892":                                 false,
		"06a4111111111111111b":                         false, // an id
		"tok_4111111111111111":                         false, // see InToken
		"4111111111111111_x":                           false,
		"0000000000000000":                             false,
		"2026-11-23 20:00":                             false,
		"41 11 11 11 11 11 11 11":                      false, // no card is printed in pairs
		`"101-1-12","101-1-13"`:                        false,
		"41111111111111111111111":                      false, // 23 digits
		"":                                             false,
		"4111 ":                                        false,
		"+4915120000004":                               false, // phone numbers, the last digit of which would fit
		"+8613800138003":                               false,
		"+420 7777 777 7777":                           false,
		"+4111111111111111":                            true, // too long for one
		"+4111 1111 1111 1111":                         true,
		"1+4222222222222":                              false,
		"4111 1111 1111 ":                              false,
	} {
		if got := In([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestInToken(t *testing.T) {
	for text, want := range map[string]bool{
		"tok_4242424242424242":      true,
		"4242 4242 4242 4242":       true,
		"x4242.4242.4242.4242y":     true,
		"42_42_42_42_42_42_42_42":   true,
		"tok_501234567896":          true,
		"4242424242424242 12":       true, // a month behind it
		"tok_999994242424242424242": true, // hidden among digits
		"tok_ok":                    false,
		"tok_4242424242424241":      false,
		"tok_1a2b3c4d5e6f7g8h9i0j":  false,
		"":                          false,
	} {
		if got := InToken(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
		if In([]byte(text)) && !InToken(text) {
			t.Errorf("%q: a text that holds a card number is no token", text)
		}
	}
}

// Whatever In finds, InToken finds, too.
func FuzzTokensAreCheckedMoreStrictly(f *testing.F) {
	for _, s := range []string{"4111 1111 1111 1111 12/27", "tok_4242424242424242", strings.Repeat("4", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if In([]byte(s)) && !InToken(s) {
			t.Errorf("%q", s)
		}
	})
}

func BenchmarkIn(b *testing.B) {
	body := []byte(`{"event_id":"06a1b2c3d4e5f6g7","seats":["101-A-12","101-A-13"]}`)
	for b.Loop() {
		if In(body) {
			b.Fatal("found")
		}
	}
}

func BenchmarkInToken(b *testing.B) {
	for b.Loop() {
		if InToken("tok_1a2b3c4d5e6f7g8h9i0j") {
			b.Fatal("found")
		}
	}
}
