package ticket

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	qr "github.com/piglig/go-qr"
)

// read reads a QR code out of a picture, with another library than the one that
// drew it.
func read(t testing.TB, picture image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

func TestQR(t *testing.T) {
	s := signer(t, key(1))
	for seat := range int32(20) {
		token := sign(t, s, Ticket{sample.BookingID, seat, 1, 0})
		code, err := NewQR(token)
		if err != nil {
			t.Fatal(err)
		}
		if size := code.code.Size(); size != 45 {
			t.Errorf("the code has %d modules, not 45", size)
		}
		data, err := code.code.ToPNGBytes(qr.NewQrCodeImgConfig(4, quiet))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, picture); got != token {
			t.Errorf("%s comes back as %s", token, got)
		}
		drawing, err := code.SVG()
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, rasterize(t, drawing)); got != token {
			t.Errorf("the drawing of %s comes back as %s", token, got)
		}
	}
	if _, err := NewQR(strings.Repeat("A", 5000)); err == nil {
		t.Error("a text that is too long gets a code")
	}
}

// A strict Content-Security-Policy forbids style attributes, and so on.
func TestSVGIsPlain(t *testing.T) {
	code, err := NewQR(sign(t, signer(t, key(1)), sample))
	if err != nil {
		t.Fatal(err)
	}
	drawing, err := code.SVG()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]string{"svg": "xmlns version viewBox stroke", "rect": "width height fill", "path": "d fill fill-rule"}
	for d := xml.NewDecoder(bytes.NewReader(drawing)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if !strings.Contains(" "+allowed[e.Name.Local]+" ", " "+a.Name.Local+" ") {
					t.Errorf("<%s %s>", e.Name.Local, a.Name.Local)
				}
			}
		}
	}
}

var (
	pathData = regexp.MustCompile(` d="([^"]+)"`)
	pathStep = regexp.MustCompile(`([MLHV])(\d+)(?:,(\d+))?`)
)

// rasterize paints the drawing: it has one path of straight lines along a grid,
// filled by the even-odd rule, so a module is dark when an odd number of vertical
// lines lies to its left.
func rasterize(t testing.TB, drawing []byte) image.Image {
	t.Helper()
	const side, scale = 45 + 2*quiet, 4
	if !bytes.Contains(drawing, fmt.Appendf(nil, `viewBox="0 0 %d %d"`, side, side)) || !bytes.Contains(drawing, []byte(`fill-rule="evenodd"`)) {
		t.Fatalf("%s", drawing)
	}
	var flips [side][side + 1]bool
	var x, y int
	for _, m := range pathStep.FindAllSubmatch(pathData.FindSubmatch(drawing)[1], -1) {
		number := func(b []byte) (n int) { _, _ = fmt.Sscan(string(b), &n); return n }
		toX, toY := x, y
		switch m[1][0] {
		case 'M', 'L':
			toX, toY = number(m[2]), number(m[3])
		case 'H':
			toX = number(m[2])
		case 'V':
			toY = number(m[2])
		}
		if m[1][0] != 'M' && toX == x {
			for row := min(y, toY); row < max(y, toY); row++ {
				flips[row][x] = !flips[row][x]
			}
		}
		x, y = toX, toY
	}
	picture := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for row := range side {
		dark := false
		for column := range side {
			dark = dark != flips[row][column]
			paint := image.White
			if dark {
				paint = image.NewUniform(color.Black)
			}
			draw.Draw(picture, image.Rect(column*scale, row*scale, (column+1)*scale, (row+1)*scale), paint, image.Point{}, draw.Src)
		}
	}
	return picture
}
