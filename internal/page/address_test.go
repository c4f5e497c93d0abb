package page

import "testing"

// Pages show an address as its owner writes it, and one that cannot be shown so as
// it is kept.
func TestAddress(t *testing.T) {
	for kept, shown := range map[string]string{
		"jörg@xn--mnchen-3ya.de": "jörg@münchen.de", "a@example.org": "a@example.org", "": "", "a@xn--0.de": "a@xn--0.de", "nobody": "nobody",
	} {
		if got := Address(kept); got != shown {
			t.Errorf("%s is shown as %s, not %s", kept, got, shown)
		}
	}
}
