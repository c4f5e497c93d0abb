package errs

import "testing"

// If-Match is read as RFC 9110 writes it: lists, weak tags, and any space.
func TestParseIfMatch(t *testing.T) {
	const now = 7
	for h, want := range map[string]int64{
		"": 0, "*": 0, " * ": 0,
		`"7"`: 7, `7`: 7, `"7.12"`: 7, `"7.12p"`: 7, `"7-gzip"`: 7, `"7.12-gzip"`: 7, `"3"`: 3,
		`"3", "7"`: 7, `"7","3"`: 7, `"3" ,	"5.1" , "7.2"`: 7, `"3", "5"`: -1, `, "7",,`: 7,
		`W/"7"`: -1, `W/"7", "7"`: 7, `W/"3", "7"`: 7, `"x", "7"`: 7, `"x"`: -1, `"-7"`: -1, `"a,b", "7"`: 7, `"0"`: NotYet, `"0.1"`: NotYet, `"0", "7"`: 7, `"0", "3"`: -1, `""`: -1,
	} {
		m, err := ParseIfMatch(h, "event")
		if err != nil {
			t.Errorf("%s: %v", h, err)
			continue
		}
		if got, err := m.Version(func() (int64, error) { return now, nil }); err != nil || got != want {
			t.Errorf("%s is version %d, want %d", h, got, want)
		}
	}
	for _, h := range []string{`"7`, `7"`, `"7" "8"`, `w/"7"`, `W/7`, `"7", *`, `x`, `"7";"8"`} {
		if _, err := ParseIfMatch(h, "event"); KindOf(err) != Precondition {
			t.Errorf("%s: %v", h, err)
		}
	}
}

// A tag changes with the version and with whatever is shown, and a change goes by the
// version alone.
func TestETag(t *testing.T) {
	tag := ETag(7, []byte("seen"))
	if tag != ETag(7, []byte("seen")) || tag == ETag(7, []byte("seem")) || tag == ETag(8, []byte("seen")) {
		t.Errorf("%s", tag)
	}
	for _, h := range []string{tag, tag[:len(tag)-1] + `-gzip"`} {
		if v, err := Expected(h, "booking", nil); v != 7 || err != nil {
			t.Errorf("%s: %d, %v", h, v, err)
		}
	}
}
