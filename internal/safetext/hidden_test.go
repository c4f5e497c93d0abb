package safetext

import "testing"

// Characters that show nothing or turn a text around are hidden; letters of every
// script, joiners within them and emoji are not.
func TestHidden(t *testing.T) {
	for _, text := range []string{
		"Gala", "Łódź", "münchen", "שלום עולם", "مهرجان الموسيقى", "می\u200cخواهم", "क्\u200dष", "👩\u200d👩\u200d👧 Family", "❤\ufe0f\u200d🔥", "Ⅳ · 第九", "", "\u0600١٢",
		"മോഹന്\u200d", "മോഹന്\u200d ലാല്\u200d", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f night", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "ᠮᠣᠩᠭᠣᠯ\u180eᠠ", "दर्\u200dया",
		"ශ්\u200dරී", "র\u200d্য", "کتابِ\u200cمن", "ـ\u200dه", "🧑🏽\u200d🚀", "🙂\u200d↔\ufe0f", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "ℹ\ufe0f", "葛\U000e0100",
	} {
		if Hidden(text) || Shown(text) != text {
			t.Errorf("%q is hidden", text)
		}
	}
	for text, shown := range map[string]string{
		"Ga\u202ela": "Gala", "Ga\u200bla": "Gala", "Ga\u2028la": "Gala", "Ga\u00adla": "Gala", "\u200cGala": "Gala", "Gala\u200d": "Gala",
		"Gala\u200c\u200c": "Gala", "\ufeffGala": "Gala", "\u2066Gala\u2069": "Gala", "Ga\u3164la": "Gala", "❤\ufe0f\ufe0f": "❤\ufe0f", "Ga\nla": "Gala", "Ga\x00la": "Gala", "Ga\ufffdla": "Gala",
		"മോഹന്\u200d\u200d": "മോഹന്\u200d", "മോഹന്\u200c": "മോഹന്", "ക\u200d": "ക", "क्\u200d": "क्",
		"Gala\U000e0067": "Gala", "🏴\U000e0067": "🏴", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074": "🏴", "🏴\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f": "🏴",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f\U000e007f": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"Ga\u200dla": "Gala", "Ga\u200cla": "Gala", "Ga\u0300\u200dla": "Ga\u0300la", "Па\u200dвел": "Павел", "Αν\u200cνα": "Αννα", "דו\u200dד": "דוד", "1\u200d2": "12",
		"G\ufe0fala": "Gala", "日\u200d本": "日本", "👩\u200da": "👩a", "👩\u200d\u2800a": "👩a", "👩\u200c👧": "👩👧", "a\u094d\u200db": "a\u094db",
		"Ga\u180ela": "Gala", "ᠯ\u180e": "ᠯ", "ᠯ\u180e\u180eᠠ": "ᠯ\u180eᠠ", "ᠯ\u180ea": "ᠯa",
	} {
		if !Hidden(text) || Shown(text) != shown {
			t.Errorf("%+q: hidden %v, shown %+q", text, Hidden(text), Shown(text))
		}
		if Hidden(shown) {
			t.Errorf("%+q is hidden", shown)
		}
	}
	if text := "One\r\n\tTwo\n"; HiddenInLines(text) || ShownLines(text) != text {
		t.Errorf("the lines of %q are hidden", text)
	}
	if text := "Kon\u00adzert\u00ad/Büh\u00adne"; HiddenInLines(text) || !Hidden(text) || Shown(text) != "Konzert/Bühne" {
		t.Errorf("%+q in lines: %+q", text, ShownLines(text))
	}
	if text := "\u00adA\u00ad\u00adb \u00adc\u00ad\nd\u00ad"; ShownLines(text) != "A\u00adb c\nd" {
		t.Errorf("%+q: %+q", text, ShownLines(text))
	}
	if text := "One\u2028Two\n\u202e"; !HiddenInLines(text) || ShownLines(text) != "OneTwo\n" {
		t.Errorf("%+q: %+q", text, ShownLines(text))
	}
}
