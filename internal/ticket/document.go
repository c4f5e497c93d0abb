package ticket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/ticket/sheet"
)

// Document is the tickets of one booking, as a PDF with a page for each seat. All
// texts are already formatted for people, in their language: money with its
// currency, dates in the venue's zone.
type Document struct {
	Words Words

	Event     string
	Organizer string
	Date      string // "Saturday, 12 December 2026"
	Time      string // "19:30 CET (Europe/Berlin)"; of an unknown time what is known
	Venue     string
	Address   string // in one line
	Holder    string // the holder's name
	Reference string // of the booking, for people
	Order     string // number of the order
	Terms     string // a sentence or three
	Test      string // the mark of a test, such as "TEST: not paid with real money"; "": it is none

	Issued time.Time // when it was made, for the file's properties; zero: left out
	Seats  []Seat
}

// Seat is one page.
type Seat struct {
	Token   string
	Section string
	Row     string // "" in a general-admission area
	Number  string // "" in a general-admission area
	Tier    string
	Price   string // all-in; for a complimentary ticket the word for it
	Note    string // in place of the code, if there is no token
}

// Words are the labels on a ticket.
type Words struct {
	Section, Row, Seat     string
	Holder, Tier, Price    string
	Reference, Order, Page string // Page is a format of page and pages: "Ticket %d of %d"
}

// PDF renders the document on pages of A6, which fill a phone's screen; four fit on
// a sheet of A4, or one if it is folded twice. The same document yields the same
// bytes. If ctx ends, rendering stops between two pages.
func (d Document) PDF(ctx context.Context) ([]byte, error) {
	if len(d.Seats) == 0 {
		return nil, errors.New("tickets: a document without a seat")
	}
	s, err := sheet.New(sheet.Info{Width: pageWidth, Height: pageHeight, Title: d.Event, Author: d.Organizer, Issued: d.Issued})
	if err != nil {
		return nil, fmt.Errorf("tickets: %w", err)
	}
	for i, seat := range d.Seats {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := (page{s}).draw(d, seat, i); err != nil {
			return nil, err
		}
	}
	file, err := s.Bytes()
	if err != nil {
		return nil, fmt.Errorf("tickets: %w", err)
	}
	return file, nil
}

// Measures in points (1/72 inch), from the upper left corner.
const (
	pageWidth, pageHeight = 297.64, 419.53 // A6
	margin                = 20.0
	inner                 = pageWidth - 2*margin
	tear                  = 250.0 // where the stub with the code begins
	codeSide              = 118.0 // of the code, without its quiet zone
	codeTop               = tear + 16
)

var (
	white = sheet.Color{R: 255, G: 255, B: 255}
	ink   = sheet.Color{R: 24, G: 27, B: 48}
	pale  = sheet.Color{R: 196, G: 200, B: 222} // on ink
	grey  = sheet.Color{R: 104, G: 108, B: 124}
	line  = sheet.Color{R: 206, G: 208, B: 216}
	spark = sheet.Color{R: 255, G: 122, B: 89}
)

// page draws a ticket on a page.
type page struct{ *sheet.Sheet }

func (s page) draw(d Document, seat Seat, index int) error {
	s.Page()
	y := s.head(d)
	y = s.place(d, y)
	s.seat(d.Words, seat, y)
	s.perforation()
	if seat.Token == "" {
		s.note(seat.Note)
	} else {
		code, err := NewQR(seat.Token)
		if err != nil {
			return err
		}
		s.code(code)
	}
	s.details(d, seat)
	s.foot(d, index)
	return nil
}

// note draws a text where the code would be.
func (s page) note(text string) {
	const lines, leading = 9, 12.5
	s.Font(sheet.Bold, 9.5)
	for i, t := range s.Wrap(text, codeSide, lines) {
		s.Text(ink, margin, codeTop+9.5+float64(i)*leading, t)
	}
}

// head draws the band with the event and its time, and returns its lower edge.
func (s page) head(d Document) float64 {
	const leading = 1.15
	size := 24.0
	s.Font(sheet.Bold, size)
	for len(s.Wrap(d.Event, inner, 4)) > 3 && size > 14 { // smaller, until it fits in three lines
		size -= 2
		s.Font(sheet.Bold, size)
	}
	title := s.Wrap(d.Event, inner, 3)
	first := 22 + size // base lines: of the title's first line, of the date
	if d.Organizer != "" {
		first += 11
	}
	date := first + float64(len(title)-1)*size*leading + 27
	end := date + 30
	s.Fill(ink, 0, 0, pageWidth, end)
	s.Fill(spark, 0, end, pageWidth, 3)

	for i, t := range title {
		s.Text(white, margin, first+float64(i)*size*leading, t)
	}
	if d.Test != "" {
		s.Fill(spark, 0, 0, pageWidth, 14)
		s.Shrink(sheet.Bold, d.Test, inner, 8.5, 6)
		s.Text(ink, margin, 10, s.Cut(d.Test, inner))
	}
	s.Font(sheet.Regular, 8.5)
	s.Text(pale, margin, 27, s.Cut(d.Organizer, inner))
	s.Shrink(sheet.Bold, d.Date, inner, 12, 8)
	s.Text(white, margin, date, s.Cut(d.Date, inner))
	s.Shrink(sheet.Regular, d.Time, inner, 11, 8)
	s.Text(pale, margin, date+15, s.Cut(d.Time, inner))
	return end + 3
}

// place draws the venue and its address.
func (s page) place(d Document, y float64) float64 {
	y += 21
	s.Shrink(sheet.Bold, d.Venue, inner, 12, 9)
	s.Text(ink, margin, y, s.Cut(d.Venue, inner))
	y += 12.5
	s.Shrink(sheet.Regular, d.Address, inner, 8.5, 7)
	s.Text(grey, margin, y, s.Cut(d.Address, inner))
	return y
}

// seat draws in large type what people look for in the hall: section, row and seat,
// as far as they exist.
func (s page) seat(w Words, seat Seat, above float64) {
	cells := [][2]string{{w.Section, seat.Section}}
	for _, c := range [][2]string{{w.Row, seat.Row}, {w.Seat, seat.Number}} {
		if c[1] != "" {
			cells = append(cells, c)
		}
	}
	const narrow, gap = 54.0, 14.0
	first := inner - float64(len(cells)-1)*(narrow+gap)
	y := max(above+20, (above+tear)/2-14) // in the middle of what the head left
	x, width := margin, first
	for _, c := range cells {
		s.Font(sheet.Regular, 7.5)
		s.Text(grey, x, y, s.Cut(c[0], width))
		s.Shrink(sheet.Bold, c[1], width, 30, 11)
		s.Text(ink, x, y+29, s.Cut(c[1], width))
		x, width = x+width+gap, narrow
	}
}

// perforation draws the line along which the stub can be torn off.
func (s page) perforation() {
	s.Dashes(line, margin, tear, pageWidth-margin)
	s.Disc(line, 0, tear, 7)
	s.Disc(line, pageWidth, tear, 7)
}

// code draws the QR code from rectangles, so that it is sharp at any size. They
// overlap the next row slightly, because some viewers would leave hairlines.
func (s page) code(code QR) {
	module := codeSide / float64(code.code.Size())
	code.runs(func(x, y, n int) {
		s.Fill(sheet.Color{R: 0, G: 0, B: 0}, margin+float64(x)*module, codeTop+float64(y)*module, float64(n)*module, module*1.03)
	})
}

// details draws the texts beside the code.
func (s page) details(d Document, seat Seat) {
	const x = margin + codeSide + 18
	const width = pageWidth - margin - x
	y := codeTop + 6
	for _, c := range [][2]string{
		{d.Words.Holder, d.Holder}, {d.Words.Tier, seat.Tier}, {d.Words.Price, seat.Price},
		{d.Words.Reference, d.Reference}, {d.Words.Order, d.Order},
	} {
		if c[1] == "" {
			continue
		}
		s.Font(sheet.Regular, 6.5)
		s.Text(grey, x, y, s.Cut(c[0], width))
		s.Shrink(sheet.Bold, c[1], width, 10, 6.5)
		s.Text(ink, x, y+11, s.Cut(c[1], width))
		y += 25
	}
}

// foot draws the terms, and the number of this ticket.
func (s page) foot(d Document, index int) {
	s.Font(sheet.Regular, 6)
	page := s.Clean(fmt.Sprintf(d.Words.Page, index+1, len(d.Seats)))
	width := s.Width(page)
	s.Text(grey, pageWidth-margin-width, pageHeight-10, page)
	for i, t := range s.Wrap(d.Terms, inner-width-12, 2) {
		s.Text(grey, margin, pageHeight-17.5+float64(i)*7.5, t)
	}
}
