package paper

import (
	"context"
	"embed"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/ticket/sheet"
)

//go:embed words/*.json
var wordFiles embed.FS

// printWait is how long a document waits for its turn to be rendered.
const printWait = 3 * time.Second

// Printer renders documents, a few at a time. It is safe for concurrent use.
type Printer struct {
	words  *locale.Words
	places *semaphore.Weighted
}

// New reads the catalogues.
func New() (*Printer, error) {
	words, err := locale.Load(wordFiles, "words")
	return &Printer{words, semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))}, err
}

// PDF renders an invoice or a credit note in a language, one of locale.Languages. It is
// Unavailable while too many are being rendered.
func (p *Printer) PDF(ctx context.Context, d *invoiceapi.Document, lang string) ([]byte, error) {
	if !slices.Contains(locale.Languages, lang) {
		lang = locale.Languages[0]
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	title := p.words.Text(lang, titleOf(d)) + " " + d.Number
	s, err := sheet.New(sheet.Info{Width: width, Height: height, Title: title, Author: d.Seller.Name, Issued: d.Issued})
	if err != nil {
		return nil, fmt.Errorf("invoice: %w", err)
	}
	w := &writer{Sheet: s, words: p.words, lang: lang}
	w.document(d)
	file, err := s.Bytes()
	if err != nil {
		return nil, fmt.Errorf("invoice %s: %w", d.Number, err)
	}
	return file, nil
}

// enter waits for a place among those that are rendered; leave gives it back.
func (p *Printer) enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, printWait)
	defer cancel()
	if err := p.places.Acquire(waiting, 1); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errs.New(errs.Unavailable, "busy", "Too many documents are being printed at once; please try again in a moment.").After(5 * time.Second)
	}
	return func() { p.places.Release(1) }, nil
}

func titleOf(d *invoiceapi.Document) string {
	if d.Kind == invoiceapi.CreditNote {
		return "credit.title"
	}
	return "invoice.title"
}
