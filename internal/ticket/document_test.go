package ticket

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ledongthuc/pdf"
	"pgregory.net/rapid"

	"boxoffice/internal/ticket/sheet"
)

// opera is a document in German, with two seats in the stalls and one place that
// has neither row nor number.
func opera(t testing.TB) Document {
	t.Helper()
	s := signer(t, key(1))
	seat := func(n int32, section, row, number string) Seat {
		return Seat{Token: sign(t, s, Ticket{sample.BookingID, n, 1, 0}), Section: section, Row: row, Number: number, Tier: "Kategorie 1", Price: "129,50 €"}
	}
	return Document{
		Words: Words{Section: "Bereich", Row: "Reihe", Seat: "Platz", Holder: "Name", Tier: "Preisgruppe", Price: "Preis inkl. aller Gebühren",
			Reference: "Buchungsnummer", Order: "Bestellnummer", Page: "Ticket %d von %d"},
		Event: "Die Zauberflöte", Organizer: "Staatsoper Großstadt präsentiert",
		Date: "Samstag, 12. Dezember 2026", Time: "19:30 Uhr (MEZ)",
		Venue: "Großes Haus am Schloßplatz", Address: "Oberer Schloßgarten 6, 70173 Stuttgart",
		Holder: "Dr. Jürgen Müller-Lüdenscheidt", Reference: "7K3M-Q9XA", Order: "2026-000417",
		Terms:  "Einmaliger Einlass. Bitte den Code nicht weitergeben oder veröffentlichen.",
		Issued: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		Seats:  []Seat{seat(0, "Parkett links", "AA", "12"), seat(1, "Parkett links", "AA", "13"), seat(900, "Stehplatz Innenraum", "", "")},
	}
}

// open makes the PDF and opens it with another library than the one that wrote it.
func open(t testing.TB, d Document) *pdf.Reader {
	t.Helper()
	data, err := d.PDF(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pages(t testing.TB, d Document) (out []pdf.Page) {
	t.Helper()
	r := open(t, d)
	for n := range r.NumPage() {
		out = append(out, r.Page(n+1))
	}
	return out
}

func texts(t testing.TB, p pdf.Page) string {
	t.Helper()
	text, err := p.GetPlainText(nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDocument(t *testing.T) {
	d := opera(t)
	got := pages(t, d)
	if len(got) != len(d.Seats) {
		t.Fatalf("%d pages", len(got))
	}
	for n, p := range got {
		text, seat := texts(t, p), d.Seats[n]
		page := []string{"Ticket 1 von 3", "Ticket 2 von 3", "Ticket 3 von 3"}[n]
		for _, want := range []string{d.Event, d.Organizer, d.Date, d.Time, d.Venue, d.Address, d.Holder, d.Reference, d.Order, d.Terms,
			seat.Section, seat.Row, seat.Number, seat.Tier, seat.Price, page,
			d.Words.Section, d.Words.Holder, d.Words.Tier, d.Words.Price, d.Words.Reference, d.Words.Order} {
			if !strings.Contains(text, want) {
				t.Errorf("page %d: no %q in %q", n+1, want, text)
			}
		}
		if has := strings.Contains(text, d.Words.Row); has != (seat.Row != "") {
			t.Errorf("page %d: a label without its value, or the other way round: %q", n+1, text)
		}
		if token := read(t, codeOn(t, p)); token != seat.Token {
			t.Errorf("page %d: the code is %s, not %s", n+1, token, seat.Token)
		}
	}
}

func TestProperties(t *testing.T) {
	d := opera(t)
	d.Event, d.Organizer = "東京 (2026) 😀!", `Käthe \ <b>`
	d.Issued = time.Date(2026, 11, 1, 1, 30, 0, 0, time.FixedZone("", 5*3600+1800))
	info := open(t, d).Trailer().Key("Info")
	for name, want := range map[string]string{"Title": "東京 (2026) !", "Author": d.Organizer, "CreationDate": "D:20261031200000+00'00'"} {
		if got := info.Key(name).Text(); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

// codeOn paints the rectangles of a page's QR code.
func codeOn(t testing.TB, p pdf.Page) image.Image {
	t.Helper()
	const scale = 4.0
	pixel := func(points float64) int { return int(math.Round(points * scale)) }
	picture := image.NewGray(image.Rect(0, 0, pixel(pageWidth), pixel(pageHeight)))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for _, r := range p.Content().Rect {
		low, high := min(r.Min.Y, r.Max.Y), max(r.Min.Y, r.Max.Y) // from the lower edge
		if pageHeight-high > codeTop-1 {
			draw.Draw(picture, image.Rect(pixel(r.Min.X), pixel(pageHeight-high), pixel(r.Max.X), pixel(pageHeight-low)), image.NewUniform(color.Black), image.Point{}, draw.Src)
		}
	}
	return picture
}

func TestDocumentIsTheSameAgain(t *testing.T) {
	d := opera(t)
	first, err := d.PDF(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if again, err := d.PDF(t.Context()); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("the same document makes other bytes: %v", err)
		}
	}
}

func TestLetters(t *testing.T) {
	for _, c := range [][2]string{
		{"Příliš žluťoučký kůň", "Příliš žluťoučký kůň"},
		{"Ελληνική Большой", "Ελληνική Большой"},
		{"a\u0308 e\u0301", "ä é"},
		{"one\r\n\ttwo\u00a0three\x00\u200b", "one two three"},
	} {
		d := opera(t)
		d.Venue = c[0]
		if text := texts(t, pages(t, d)[0]); !strings.Contains(text, c[1]) {
			t.Errorf("%q: no %q in %q", c[0], c[1], text)
		}
	}
}

// world is names in scripts that the document's own font does not have.
var world = map[string]string{
	"Chinese":    "周杰倫演唱會 国家大剧院",
	"Japanese":   "東京フィルハーモニー交響楽団 ひらがな",
	"Korean":     "서울 예술의전당 김하늘",
	"Arabic":     "أم كلثوم في دار الأوبرا، القاهرة",
	"Hebrew":     "התזמורת הפילהרמונית",
	"Hindi":      "पंडित रविशंकर",
	"Thai":       "โรงละครแห่งชาติ",
	"Bengali":    "রবীন্দ্রনাথ ঠাকুর",
	"Tamil":      "தமிழ் இசை",
	"Georgian":   "თბილისის ოპერა",
	"Armenian":   "Արամ Խաչատրյան",
	"Vietnamese": "Nhạc hội Trịnh Công Sơn",
	"emoji":      "Party 🎉 👩‍👩‍👧 🇩🇪 ❤️ ♪",
	"mixed":      "BTS 방탄소년단 × محمد عبده (live) 2026",
}

// Every script is drawn, in outlines where it must be, and no character is replaced.
func TestScripts(t *testing.T) {
	for name, text := range world {
		d := opera(t)
		d.Event, d.Holder = text, text
		data, err := d.PDF(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := sheet.New(sheet.Info{})
		if err != nil {
			t.Fatal(err)
		}
		if clean := s.Clean(text); strings.ContainsAny(clean, "□\ufffd") {
			t.Errorf("%s: %q became %q", name, text, clean)
		}
		if got := pages(t, d)[0]; strings.ContainsAny(texts(t, got), "□\ufffd") {
			t.Errorf("%s: a character is replaced: %q", name, texts(t, got))
		}
		if dir := os.Getenv("BOXOFFICE_TICKETS"); dir != "" { // to look at them
			if err := os.WriteFile(filepath.Join(dir, name+".pdf"), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whatever the texts are, there is a PDF, and nothing is wider than its place.
func TestAnyText(t *testing.T) {
	letters := rapid.StringOfN(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("Wil äé—"))), 0, 200, -1)
	sample := opera(t)
	rapid.Check(t, func(t *rapid.T) {
		d := sample
		for _, field := range []*string{&d.Event, &d.Organizer, &d.Date, &d.Time, &d.Venue, &d.Address, &d.Holder, &d.Reference, &d.Order, &d.Terms, &d.Words.Section} {
			*field = letters.Draw(t, "text")
		}
		d.Seats = slices.Clone(d.Seats)
		d.Seats[0].Section, d.Seats[0].Row = letters.Draw(t, "section"), letters.Draw(t, "row")
		if _, err := d.PDF(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := sheet.New(sheet.Info{})
		if err != nil {
			t.Fatal(err)
		}
		width := rapid.Float64Range(25, 250).Draw(t, "width")
		s.Shrink(sheet.Bold, d.Event, width, 30, 8)
		for _, line := range append(s.Wrap(d.Event, width, 3), s.Cut(d.Event, width)) {
			if w := s.Width(line); w > width {
				t.Fatalf("%q is %f wide, not %f", line, w, width)
			}
		}
		s.Page()
		if _, err := s.Bytes(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDocumentRefuses(t *testing.T) {
	none, long := opera(t), opera(t)
	none.Seats = nil
	long.Seats[0].Token = strings.Repeat("A", 5000)
	for name, d := range map[string]Document{"no seat": none, "no token": long} {
		if _, err := d.PDF(t.Context()); err == nil {
			t.Errorf("%s: there is a PDF", name)
		}
	}
}

// A document for whoever has gone away meanwhile is not made.
func TestPDFEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := Document{Words: Words{Page: "Ticket %d of %d"}, Seats: []Seat{{Token: "T"}}}
	if _, err := d.PDF(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
