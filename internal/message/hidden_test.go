package message

import "testing"

// Characters that show nothing or turn a text around are hidden; letters of every
// script, joiners within them and emoji are not.
func TestHidden(t *testing.T) {
	for _, text := range []string{
		"Gala", "Łódź", "münchen", "שלום עולם", "مهرجان الموسيقى", "می\u200cخواهم", "क्\u200dष", "👩\u200d👩\u200d👧 Family", "❤\ufe0f\u200d🔥", "Ⅳ · 第九", "", "\u0600١٢",
	} {
		if Hidden(text) || Shown(text) != text {
			t.Errorf("%q is hidden", text)
		}
	}
	for text, shown := range map[string]string{
		"Ga\u202ela": "Gala", "Ga\u200bla": "Gala", "Ga\u2028la": "Gala", "Ga\u00adla": "Gala", "\u200cGala": "Gala", "Gala\u200d": "Gala",
		"Gala\u200c\u200c": "Gala", "\ufeffGala": "Gala", "\u2066Gala\u2069": "Gala", "Ga\u3164la": "Gala", "G\ufe0f\ufe0fala": "G\ufe0fala", "Ga\nla": "Gala", "Ga\x00la": "Gala", "Ga\ufffdla": "Gala",
	} {
		if !Hidden(text) || Shown(text) != shown {
			t.Errorf("%+q: hidden %v, shown %+q", text, Hidden(text), Shown(text))
		}
	}
	if text := "One\r\n\tTwo\n"; HiddenInLines(text) || ShownLines(text) != text {
		t.Errorf("the lines of %q are hidden", text)
	}
	if text := "One\u2028Two\n\u202e"; !HiddenInLines(text) || ShownLines(text) != "OneTwo\n" {
		t.Errorf("%+q: %+q", text, ShownLines(text))
	}
}
