package paper

import (
	"context"
	"fmt"
	"slices"

	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/ticket/sheet"
)

// Settlement renders a settlement in a language, one of locale.Languages. It is
// Unavailable while too many documents are being rendered.
func (p *Printer) Settlement(ctx context.Context, s *invoiceapi.Settlement, lang string) ([]byte, error) {
	if !slices.Contains(locale.Languages, lang) {
		lang = locale.Languages[0]
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	page, err := sheet.New(sheet.Info{Width: width, Height: height, Title: p.words.Text(lang, "settlement.title") + ": " + s.Title, Author: s.Seller.Name, Issued: s.At})
	if err != nil {
		return nil, fmt.Errorf("settlement: %w", err)
	}
	w := &writer{Sheet: page, words: p.words, lang: lang, foot: s.Title}
	w.settlement(s)
	file, err := page.Bytes()
	if err != nil {
		return nil, fmt.Errorf("settlement of event %s: %w", s.EventID, err)
	}
	return file, nil
}

func (w *writer) settlement(s *invoiceapi.Settlement) {
	w.begin()
	w.Font(sheet.Bold, 24)
	w.Text(ink, left, 78, w.t("settlement.title"))
	w.Font(sheet.Bold, 13)
	w.y = w.block(ink, left, 112, inner, 16, 3, s.Title)
	w.Font(sheet.Regular, 9.5)
	w.y = w.block(grey, left, w.y+2, inner, 13, 2, w.t("settlement.at", "At", locale.When(w.lang, s.At, locale.Full)), s.Seller.Name) + 14
	for i := range s.Items {
		w.statement(s, &s.Items[i])
	}
	if len(s.Items) == 0 {
		w.Text(ink, left, w.y, w.t("settlement.none"))
	}
}

// remarks are the sentences below a table.
func (w *writer) remarks(s *invoiceapi.Settlement, t *invoiceapi.Statement) []string {
	list := []string{w.t("settlement.text")}
	if t.Transferred != 0 {
		list = append(list, w.t("settlement.transferred.text"))
	}
	if !t.ReserveSaid() {
		return list
	}
	said := "settlement.reserve.open"
	if s.Over {
		said = "settlement.reserve.over"
	}
	text := w.t(said)
	if s.Held > 0 {
		text += " " + w.t("settlement.reserve.held", "Percent", s.Held, "Until", locale.When(w.lang, s.HeldUntil, locale.Date))
	}
	return append(list, text)
}

// statement writes a table of amounts.
func (w *writer) statement(s *invoiceapi.Settlement, t *invoiceapi.Statement) {
	w.room(330)
	for _, row := range t.Rows() {
		font, size, x := sheet.Regular, 10.0, left
		switch {
		case row.Total:
			font, size = sheet.Bold, 12
			w.Fill(line, left, w.y-16, inner, 0.7)
			w.y += 3
		case row.Part:
			size, x = 9, left+14
		}
		w.Font(font, size)
		c := ink
		if row.Part {
			c = grey
		}
		label := w.t("settlement." + row.Name)
		if row.Counted() {
			label += " (" + locale.Number(w.lang, row.Count) + ")"
		}
		w.Text(c, x, w.y, w.Cut(label, inner-120))
		w.rightText(c, right, w.y, locale.Money(w.lang, row.Amount, t.Currency))
		w.y += size + 9
	}
	w.Font(sheet.Regular, 8.5)
	w.y = w.block(grey, left, w.y+4, inner, 12, 9, w.remarks(s, t)...) + 26
}
