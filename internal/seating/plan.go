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
	Shapes     []Shape    `json:"shapes,omitempty" doc:"Shapes that are drawn beneath the seats: stage, walls, texts."`
	NoStage    bool       `json:"no_stage,omitempty" doc:"Whether the drawing is complete. If not, and if it has no shapes, maps guess where the stage is."`
	Seats      []Seat     `json:"-"` // by ordinal; planBody of the event service has the wire form
	ordinals   map[string]int32
	gaps       map[int32]bool // seats that are not adjacent to the next seat of their row
}

// Shape is an area or a text of the drawing. Positions are in the plan's units;
// the rotation is in degrees, clockwise around x, y.
type Shape struct {
	Kind     string  `json:"kind" enum:"rectangle,ellipse,polygon,text"`
	X        float64 `json:"x" doc:"Horizontal position in the drawing's units, growing to the right: of a rectangle's upper left corner, of an ellipse's centre, or of the origin that points and text_at are relative to."`
	Y        float64 `json:"y"`
	Width    float64 `json:"width,omitempty"`
	Height   float64 `json:"height,omitempty"`
	Rotation float64 `json:"rotation,omitempty"`
	Points   []Point `json:"points,omitempty" doc:"Corners of a polygon, relative to x, y."`
	Fill     string  `json:"fill,omitempty" doc:"Fill color, such as #e5e7eb. Default: no fill."`
	Line     string  `json:"line,omitempty" doc:"Color of the border, such as #e5e7eb. Default: no border."`
	Text     string  `json:"text,omitempty"`
	TextAt   *Point  `json:"text_at,omitempty" doc:"Centre of the text, relative to x, y. Default: at x, y."`
	TextSize float64 `json:"text_size,omitempty" doc:"Font size, in the drawing's units."`
	TextFill string  `json:"text_fill,omitempty" doc:"Color of the text, such as #111827."`
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

// Row is a run of seats, in the order in which people sit.
type Row struct {
	Label string `json:"label"`
	First int32  `json:"first"`
	Count int32  `json:"count"`
}

// Point is a position in the drawing; x grows to the right, y downwards.
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

// step returns the distance from a seat to the next one.
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

// Ordinal finds a seat by its label. It does not find general-admission places, which
// cannot be chosen.
func (p *Plan) Ordinal(label string) (int32, bool) {
	n, ok := p.ordinals[label]
	if ok && p.Sections[p.SectionOf(n)].GeneralAdmission {
		return 0, false
	}
	return n, ok
}

// SectionOf returns the index of the section of a seat.
func (p *Plan) SectionOf(seat int32) int {
	return sort.Search(len(p.Sections), func(i int) bool { return p.Sections[i].First > seat }) - 1
}

// SectionByID returns the index of a section, or -1.
func (p *Plan) SectionByID(id string) int {
	for i := range p.Sections {
		if p.Sections[i].ID == id {
			return i
		}
	}
	return -1
}

// RowOf returns the row of a seat within its section; nil in general admission.
func (s *Section) RowOf(seat int32) *Row {
	i := sort.Search(len(s.Rows), func(i int) bool { return s.Rows[i].First > seat }) - 1
	if i < 0 {
		return nil
	}
	return &s.Rows[i]
}

// Prices is one version of an event's price list. It never changes.
type Prices struct {
	EventID  string `json:"event_id"`
	Version  int64  `json:"version"`
	Currency string `json:"currency"` // ISO 4217
	Tiers    []Tier `json:"tiers"`

	Rules *FeeRules `json:"rules,omitempty"` // rules by which the tiers' prices were computed; nil: all-in prices were given
}

// FeeRules turn face values into all-in prices. Rates are in hundredths of a percent:
// 1900 is 19 %.
type FeeRules struct {
	FeeRate  int64  `json:"fee_rate,omitempty" doc:"Fee as a share of the face value, in hundredths of a percent: 850 is 8.5 %." example:"850"`
	FeeFixed int64  `json:"fee_fixed,omitempty" doc:"Fixed fee per seat in addition, in minor units of the currency." example:"100"`
	TaxRate  int64  `json:"tax_rate,omitempty" doc:"Tax as a share of face value and fee, in hundredths of a percent: 1900 is 19 %." example:"1900"`
	Rounding string `json:"rounding,omitempty" enum:"half_up,half_even,up,down" doc:"How fee and tax are rounded to whole minor units. Default: half_up." example:"half_up"`
}

// Tier is a price for some seats of the plan: those of its sections and those
// of its categories; a section wins over a category.
type Tier struct {
	ID         string   `json:"id" doc:"Id of the tier, unique within the event." example:"t1"`
	Name       string   `json:"name" example:"Stalls"`
	Price      int64    `json:"price" doc:"All-in price of a seat, in minor units of the currency." example:"6500"`
	Fees       int64    `json:"fees" doc:"Part of the price that is fees and tax, in minor units." example:"541"`
	Face       int64    `json:"face,omitempty" doc:"Price before fee and tax, in minor units. Only if the event has fee_rules." example:"5000"`
	Fee        int64    `json:"fee,omitempty" doc:"Fee, in minor units. It is part of fees. Only if the event has fee_rules." example:"425"`
	Tax        int64    `json:"tax,omitempty" doc:"Tax on face value and fee, in minor units. It is part of fees. Only if the event has fee_rules." example:"1031"`
	Sections   []string `json:"sections,omitempty" doc:"Ids of the sections at this price. A section takes precedence over a category."`
	Categories []string `json:"categories,omitempty" doc:"Names of the plan's categories at this price."`
}

// NoTier marks a seat without a price in Prices.Assign.
const NoTier = 0xff

// MaxTiers is how many tiers an event may have.
const MaxTiers = 100

// Assign returns the tier of every seat, by ordinal; NoTier for seats that no tier names.
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
