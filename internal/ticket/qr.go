package ticket

import (
	"errors"
	"fmt"
	"strings"

	qr "github.com/piglig/go-qr"
)

// quiet is the empty margin that readers need around a code, in modules
// (ISO/IEC 18004).
const quiet = 4

// QR is the QR code of a token.
type QR struct{ code *qr.QrCode }

// NewQR makes a QR code with error correction M: up to 15 % may be unreadable. It
// fails if the text is too long for a code.
func NewQR(token string) (QR, error) {
	code, err := qr.EncodeText(token, qr.Medium)
	if err != nil {
		return QR{}, fmt.Errorf("QR code: %w", err)
	}
	return QR{code}, nil
}

// SVG returns a scalable drawing, dark on white in every theme, that complies with a
// strict Content-Security-Policy.
func (q QR) SVG() ([]byte, error) {
	return q.code.ToSVGBytes(qr.NewQrCodeImgConfig(1, quiet, qr.WithOptimalSVG()))
}

// Inline returns the QR code of a text as SVG, to be embedded in a page.
func Inline(text string) (string, error) {
	code, err := NewQR(text)
	if err != nil {
		return "", err
	}
	svg, err := code.SVG()
	_, rest, found := strings.Cut(string(svg), "<svg") // without the declarations that only a separate file needs
	if err == nil && !found {
		err = errors.New("QR code: no drawing")
	}
	return "<svg" + rest, err
}

// runs calls draw for each stretch of dark modules in a row: column, row, length.
func (q QR) runs(draw func(x, y, n int)) {
	size := q.code.Size()
	for y := range size {
		for x := 0; x < size; x++ {
			start := x
			for x < size && q.code.Module(x, y) {
				x++
			}
			if x > start {
				draw(start, y, x-start)
			}
		}
	}
}
