package ticket

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Document is the tickets of one booking, as a PDF with a page for each seat.
// All texts are as people read them, in their language: money with its currency,
// dates in the venue's time zone.
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
	Price   string // all-in; of a complimentary ticket the word for it
}

// Words are the labels on a ticket.
type Words struct {
	Section, Row, Seat     string
	Holder, Tier, Price    string
	Reference, Order, Page string // Page is a format of page and pages: "Ticket %d of %d"
}

// PDF draws the document: pages of A6, which fill a phone's screen, and of which
// four fit on a sheet of A4 or one does when it is folded twice. The same document
// makes the same bytes. It ends between two pages when ctx does.
func (d Document) PDF(ctx context.Context) ([]byte, error) {
	if len(d.Seats) == 0 {
		return nil, errors.New("tickets: a document without a seat")
	}
	s, err := newSheet(d)
	if err != nil {
		return nil, fmt.Errorf("tickets: %w", err)
	}
	for i, seat := range d.Seats {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		code, err := NewQR(seat.Token)
		if err != nil {
			return nil, err
		}
		s.page(d, seat, code, i)
	}
	return s.bytes()
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
	white = rgb{255, 255, 255}
	ink   = rgb{24, 27, 48}
	pale  = rgb{196, 200, 222} // on ink
	grey  = rgb{104, 108, 124}
	line  = rgb{206, 208, 216}
	spark = rgb{255, 122, 89}
)

// page draws one ticket.
func (s *sheet) page(d Document, seat Seat, code QR, index int) {
	s.pdf.AddPage()
	y := s.head(d)
	y = s.place(d, y)
	s.seat(d.Words, seat, y)
	s.perforation()
	s.code(code)
	s.details(d, seat)
	s.foot(d, index)
}

// head is the band with the event and its time; it answers where it ends.
func (s *sheet) head(d Document) float64 {
	const leading = 1.15
	size := 24.0
	s.font(bold, size)
	for len(s.wrap(d.Event, inner, 4)) > 3 && size > 14 { // smaller, until it fits in three lines
		size -= 2
		s.font(bold, size)
	}
	title := s.wrap(d.Event, inner, 3)
	first := 22 + size // base lines: of the title's first line, of the date
	if d.Organizer != "" {
		first += 11
	}
	date := first + float64(len(title)-1)*size*leading + 27
	end := date + 30
	s.fill(ink, 0, 0, pageWidth, end)
	s.fill(spark, 0, end, pageWidth, 3)

	for i, t := range title {
		s.text(white, margin, first+float64(i)*size*leading, t)
	}
	s.font(regular, 8.5)
	s.text(pale, margin, 27, s.cut(d.Organizer, inner))
	s.shrink(bold, d.Date, inner, 12, 8)
	s.text(white, margin, date, s.cut(d.Date, inner))
	s.shrink(regular, d.Time, inner, 11, 8)
	s.text(pale, margin, date+15, s.cut(d.Time, inner))
	return end + 3
}

// place is the venue and its address.
func (s *sheet) place(d Document, y float64) float64 {
	y += 21
	s.shrink(bold, d.Venue, inner, 12, 9)
	s.text(ink, margin, y, s.cut(d.Venue, inner))
	y += 12.5
	s.shrink(regular, d.Address, inner, 8.5, 7)
	s.text(grey, margin, y, s.cut(d.Address, inner))
	return y
}

// seat is what one looks for in the hall, large: section, row, seat; those that
// there are.
func (s *sheet) seat(w Words, seat Seat, above float64) {
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
		s.font(regular, 7.5)
		s.text(grey, x, y, s.cut(c[0], width))
		s.shrink(bold, c[1], width, 30, 11)
		s.text(ink, x, y+29, s.cut(c[1], width))
		x, width = x+width+gap, narrow
	}
}

// perforation is the line along which the stub may be torn off.
func (s *sheet) perforation() {
	s.dashes(line, margin, tear, pageWidth-margin)
	s.disc(line, 0, tear, 7)
	s.disc(line, pageWidth, tear, 7)
}

// code draws the QR code out of rectangles, so that it is sharp at any size. They
// reach a little into the next row: some viewers leave hairlines otherwise.
func (s *sheet) code(code QR) {
	module := codeSide / float64(code.code.Size())
	code.runs(func(x, y, n int) {
		s.fill(rgb{0, 0, 0}, margin+float64(x)*module, codeTop+float64(y)*module, float64(n)*module, module*1.03)
	})
}

// details are beside the code.
func (s *sheet) details(d Document, seat Seat) {
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
		s.font(regular, 6.5)
		s.text(grey, x, y, s.cut(c[0], width))
		s.shrink(bold, c[1], width, 10, 6.5)
		s.text(ink, x, y+11, s.cut(c[1], width))
		y += 25
	}
}

// foot is the terms, and which of the tickets this is.
func (s *sheet) foot(d Document, index int) {
	s.font(regular, 6)
	page := s.set.Clean(fmt.Sprintf(d.Words.Page, index+1, len(d.Seats)))
	width := s.width(page)
	s.text(grey, pageWidth-margin-width, pageHeight-10, page)
	for i, t := range s.wrap(d.Terms, inner-width-12, 2) {
		s.text(grey, margin, pageHeight-17.5+float64(i)*7.5, t)
	}
}
