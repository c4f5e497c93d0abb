package seating

import (
	"math"
	"slices"
	"sort"
)

// Plan is one version of a seating plan. It never changes once it is stored.
// Seats are numbered 0…n-1 (ordinals), section by section, row by row.
type Plan struct {
	ID         string     `json:"id"`
	Version    int64      `json:"version"`
	Name       string     `json:"name"`
	Width      float64    `json:"width"`  // of the drawing, in its own units
	Height     float64    `json:"height"` // of the drawing, in its own units
	Categories []Category `json:"categories"`
	Sections   []Section  `json:"sections"`
	Shapes     []Shape    `json:"shapes,omitempty" doc:"What is drawn beneath the seats: stage, walls, texts."`
	NoStage    bool       `json:"no_stage,omitempty" doc:"The drawing has all there is: maps do not guess where a stage might be."`
	Seats      []Seat     `json:"-"` // by ordinal; planBody of the event service has the wire form
	ordinals   map[string]int32
	gaps       map[int32]bool // seats whose next one in the row does not sit beside them
}

// Shape is an area or a text of the drawing. Positions are in the plan's units;
// the rotation is in degrees, clockwise around x, y.
type Shape struct {
	Kind     string  `json:"kind" enum:"rectangle,ellipse,polygon,text"`
	X        float64 `json:"x" doc:"Of a rectangle its upper left corner, of an ellipse its middle, else the origin of what follows."`
	Y        float64 `json:"y"`
	Width    float64 `json:"width,omitempty"`
	Height   float64 `json:"height,omitempty"`
	Rotation float64 `json:"rotation,omitempty"`
	Points   []Point `json:"points,omitempty" doc:"Of a polygon, relative to x, y."`
	Fill     string  `json:"fill,omitempty" doc:"A colour such as #e5e7eb; left out: nothing is filled."`
	Line     string  `json:"line,omitempty" doc:"Colour of the border; left out: there is none."`
	Text     string  `json:"text,omitempty"`
	TextAt   *Point  `json:"text_at,omitempty" doc:"Middle of the text, relative to x, y; left out: there."`
	TextSize float64 `json:"text_size,omitempty" doc:"Height of the letters."`
	TextFill string  `json:"text_fill,omitempty" doc:"Colour of the letters."`
}

// Category groups seats that cost the same; a price tier names categories.
type Category struct {
	Name  string `json:"name"`
	Color string `json:"color,omitempty"` // CSS colour
}

// Section is a run of seats First…First+Count-1: rows, or a general-admission
// area whose places have no rows and are chosen for the buyer.
type Section struct {
	ID               string  `json:"id"` // unique in the plan; used in seat labels and ?section=
	Name             string  `json:"name"`
	First            int32   `json:"first"`
	Count            int32   `json:"count"`
	GeneralAdmission bool    `json:"general_admission,omitempty"`
	Rows             []Row   `json:"rows,omitempty"`
	Outline          []Point `json:"outline,omitempty"`
}

// Row is a run of neighbouring seats, in the order in which people sit.
type Row struct {
	Label string `json:"label"`
	First int32  `json:"first"`
	Count int32  `json:"count"`
}

// Point is a place in the drawing; x grows to the right, y downwards.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Seat is a place in a plan.
type Seat struct {
	Label          string // unique in the plan: "101-A-12"
	Number         string // within its row
	X, Y           float32
	Category       uint16 // index into Plan.Categories
	Accessible     bool
	RestrictedView bool
}

// Index prepares Ordinal and Beside. It must be called once on a new plan, before the
// plan is shared.
func (p *Plan) Index() {
	p.ordinals = make(map[string]int32, len(p.Seats))
	for i := range p.Seats {
		p.ordinals[p.Seats[i].Label] = int32(i)
	}
	p.gaps = map[int32]bool{}
	for i := range p.Sections {
		p.findGaps(&p.Sections[i])
	}
}

// farApart is the distance from which two neighbours of a row count as separated by an
// aisle, in multiples of the usual distance.
const farApart = 1.75

// findGaps finds the seats whose next seat in the row is not right beside them.
func (p *Plan) findGaps(sec *Section) {
	ofSection := median(p.steps(sec.Rows))
	for i := range sec.Rows {
		row := &sec.Rows[i]
		usual := ofSection
		if row.Count >= 4 { // fewer are too few to tell
			usual = median(p.steps(sec.Rows[i : i+1]))
		}
		for seat := row.First; seat < row.First+row.Count-1; seat++ {
			if p.step(seat) > farApart*usual {
				p.gaps[seat] = true
			}
		}
	}
}

// step is how far a seat is from the next one.
func (p *Plan) step(seat int32) float64 {
	a, b := &p.Seats[seat], &p.Seats[seat+1]
	return math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y))
}

func (p *Plan) steps(rows []Row) (out []float64) {
	for _, r := range rows {
		for seat := r.First; seat < r.First+r.Count-1; seat++ {
			out = append(out, p.step(seat))
		}
	}
	return out
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// Beside reports whether the next seat of a row sits right beside this one.
func (p *Plan) Beside(seat int32) bool { return len(p.gaps) == 0 || !p.gaps[seat] }

// Ordinal finds a seat by its label. General-admission places are not found:
// nobody can choose one.
func (p *Plan) Ordinal(label string) (int32, bool) {
	n, ok := p.ordinals[label]
	if ok && p.Sections[p.SectionOf(n)].GeneralAdmission {
		return 0, false
	}
	return n, ok
}

// SectionOf is the index of the section that holds a seat.
func (p *Plan) SectionOf(seat int32) int {
	return sort.Search(len(p.Sections), func(i int) bool { return p.Sections[i].First > seat }) - 1
}

// SectionByID is the index of a section, or -1.
func (p *Plan) SectionByID(id string) int {
	for i := range p.Sections {
		if p.Sections[i].ID == id {
			return i
		}
	}
	return -1
}

// RowOf is the row of a seat within its section; nil in general admission.
func (s *Section) RowOf(seat int32) *Row {
	i := sort.Search(len(s.Rows), func(i int) bool { return s.Rows[i].First > seat }) - 1
	if i < 0 {
		return nil
	}
	return &s.Rows[i]
}

// Prices is one version of what an event's seats cost. It never changes.
type Prices struct {
	EventID  string `json:"event_id"`
	Version  int64  `json:"version"`
	Currency string `json:"currency"` // ISO 4217
	Tiers    []Tier `json:"tiers"`

	Rules *FeeRules `json:"rules,omitempty"` // by which the tiers' prices were made; nil: they were given
}

// FeeRules make all-in prices of face values. Rates are in hundredths of a
// percent: 1900 is 19 %.
type FeeRules struct {
	FeeRate  int64  `json:"fee_rate,omitempty" doc:"Fee on the face value, in hundredths of a percent." example:"850"`
	FeeFixed int64  `json:"fee_fixed,omitempty" doc:"Fee for each seat besides, in minor units." example:"100"`
	TaxRate  int64  `json:"tax_rate,omitempty" doc:"Tax on face value and fee, in hundredths of a percent." example:"1900"`
	Rounding string `json:"rounding,omitempty" enum:"half_up,half_even,up,down" doc:"Of fee and tax to whole minor units; half_up when it is left out." example:"half_up"`
}

// Tier is a price for some seats of the plan: those of its sections and those
// of its categories; a section wins over a category.
type Tier struct {
	ID         string   `json:"id" doc:"Names the tier within its event." example:"t1"`
	Name       string   `json:"name" example:"Stalls"`
	Price      int64    `json:"price" doc:"All-in price of a seat, in minor units." example:"6500"`
	Fees       int64    `json:"fees" doc:"Part of price that is fees and tax, in minor units." example:"541"`
	Face       int64    `json:"face,omitempty" doc:"Price before fee and tax, in minor units; when the event has fee_rules." example:"5000"`
	Fee        int64    `json:"fee,omitempty" doc:"Fee on the face value, in minor units; part of fees." example:"425"`
	Tax        int64    `json:"tax,omitempty" doc:"Tax on face value and fee, in minor units; part of fees." example:"1031"`
	Sections   []string `json:"sections,omitempty" doc:"Ids of sections at this price; a section wins over a category."`
	Categories []string `json:"categories,omitempty" doc:"Names of the plan's categories at this price."`
}

// NoTier marks a seat without a price in Prices.Assign.
const NoTier = 0xff

// MaxTiers is how many tiers an event may have.
const MaxTiers = 100

// Assign gives the tier of every seat, by ordinal; NoTier where no tier names it.
func (pr *Prices) Assign(p *Plan) []uint8 {
	bySection := map[string]uint8{}
	byCategory := map[string]uint8{}
	for i, t := range pr.Tiers {
		for _, s := range t.Sections {
			bySection[s] = uint8(i)
		}
		for _, c := range t.Categories {
			byCategory[c] = uint8(i)
		}
	}
	ofCategory := make([]uint8, len(p.Categories))
	for i, c := range p.Categories {
		t, ok := byCategory[c.Name]
		if !ok {
			t = NoTier
		}
		ofCategory[i] = t
	}
	out := make([]uint8, len(p.Seats))
	for _, s := range p.Sections {
		t, whole := bySection[s.ID]
		for n := s.First; n < s.First+s.Count; n++ {
			if whole {
				out[n] = t
			} else {
				out[n] = NoTier
				if c := int(p.Seats[n].Category); c < len(ofCategory) {
					out[n] = ofCategory[c]
				}
			}
		}
	}
	return out
}
