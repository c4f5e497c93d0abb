package paper

import (
	"boxoffice/internal/locale"
	"boxoffice/internal/ticket/sheet"
)

// Measures in points.
const (
	width, height = 595.28, 841.89 // A4
	left          = 57.0
	right         = width - 48
	inner         = right - left
	bottom        = height - 62 // of what stands above the foot
)

var (
	ink   = sheet.Color{R: 24, G: 27, B: 48}
	grey  = sheet.Color{R: 104, G: 108, B: 124}
	line  = sheet.Color{R: 206, G: 208, B: 216}
	spark = sheet.Color{R: 255, G: 122, B: 89}
	alarm = sheet.Color{R: 178, G: 24, B: 43}
	white = sheet.Color{R: 255, G: 255, B: 255}
)

// writer writes pages from top to bottom.
type writer struct {
	*sheet.Sheet
	words *locale.Words
	lang  string

	y     float64 // base line of the next line
	page  int
	pages int // how many there will be; 0: not known yet
	foot  string
	test  bool
}

func (w *writer) t(key string, pairs ...any) string { return w.words.Text(w.lang, key, pairs...) }

// begin begins a page.
func (w *writer) begin() {
	w.Page()
	w.page++
	w.Fill(spark, 0, 0, width, 4)
	w.y = 62
	if w.test {
		w.Fill(alarm, 0, 4, width, 22)
		w.Shrink(sheet.Bold, w.t("test"), inner, 11, 7)
		w.Text(white, left, 19, w.Cut(w.t("test"), inner))
	}
	w.Font(sheet.Regular, 7.5)
	w.Text(grey, left, height-34, w.Cut(w.foot, inner-80))
	if w.pages > 1 {
		w.rightText(grey, right, height-34, w.t("page", "Page", w.page, "Pages", w.pages))
	}
}

// room makes sure that there is room for a block of some height.
func (w *writer) room(block float64) (began bool) {
	if w.y+block <= bottom {
		return false
	}
	w.begin()
	return true
}

// rightText ends a text at x.
func (w *writer) rightText(c sheet.Color, x, y float64, text string) {
	text = w.Clean(text)
	w.Text(c, x-w.Width(text), y, text)
}

// rule draws a thin line across the page.
func (w *writer) rule(y float64) { w.Fill(line, left, y, inner, 0.7) }

// block writes texts below each other, each in at most some lines, and returns the base
// line that follows.
func (w *writer) block(c sheet.Color, x, y, width, leading float64, lines int, texts ...string) float64 {
	for _, text := range texts {
		if text == "" {
			continue
		}
		for _, l := range w.Wrap(text, width, lines) {
			w.Text(c, x, y, l)
			y += leading
		}
	}
	return y
}
