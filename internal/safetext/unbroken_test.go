package safetext

import "testing"

func TestUnbroken(t *testing.T) {
	const number = `<span class="unbroken">NEG3-J510</span>`
	for _, c := range []struct{ text, part, want string }{
		{"Booking NEG3-J510", "NEG3-J510", "Booking " + number},
		{"<b>NEG3-J510</b> & more", "NEG3-J510", "&lt;b&gt;" + number + "&lt;/b&gt; &amp; more"},
		{"a < b", "<", `a <span class="unbroken">&lt;</span> b`},
		{"none", "NEG3-J510", "none"},
		{"<none>", "", "&lt;none&gt;"},
	} {
		if got := string(Unbroken(c.text, c.part)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}
