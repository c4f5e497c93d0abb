package console

import (
	"context"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
)

func TestRatesAndAmounts(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "8.5": 850, "8,5 %": 850, "100": 10_000, "0.01": 1, "19": 1900} {
		if got, ok := hundredths(text); !ok || got != want {
			t.Errorf("%q is %d %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"x", "-1", "100.01", "1.005", "1e2", "1.2.3", ".", "99999999999999"} {
		if got, ok := hundredths(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
	for _, rate := range []int64{0, 1, 10, 850, 1900, 10_000} {
		if back, ok := hundredths(percent(rate)); !ok || back != rate {
			t.Errorf("%d is written %q", rate, percent(rate))
		}
	}
	if decimal(1250, "EUR") != "12.50" || decimal(50, "JPY") != "50" || decimal(14250, "KWD") != "14.250" {
		t.Error("amounts are not written as they are typed")
	}
}

func TestSameTitle(t *testing.T) {
	if !same(" night of THE  violins", "Night of the Violins") || same("Night", "Night of the Violins") || same("", "x") {
		t.Error("titles are not told apart")
	}
}

// at visits the console at a time.
func visitAt(t *testing.T, now time.Time) (v *page.Visit) {
	t.Helper()
	site, err := page.New(page.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Page(func(it *page.Visit) error { v = it; return nil })(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)); err != nil {
		t.Fatal(err)
	}
	return v
}

// A chart has all bookings in it, in the finest unit that fits, also over a
// change of the clock.
func TestChart(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2027, 3, 26, 9, 0, 0, 0, time.UTC)
	v := visitAt(t, start.AddDate(1, 0, 0))
	for _, c := range []struct {
		span time.Duration
		unit string
	}{{30 * time.Minute, "minute"}, {119 * time.Minute, "minute"}, {4 * 24 * time.Hour, "hour"}, {60 * 24 * time.Hour, "day"}} {
		pace := bookingapi.Pace{{At: start, Bookings: 2}, {At: start.Add(c.span / 2).Truncate(time.Minute), Bookings: 5}, {At: start.Add(c.span), Bookings: 3}}
		got := draw(v, pace, zone)
		sum := int64(0)
		for i, b := range got.Bars {
			sum += b.N
			if b.X < 0 || b.X+b.W > chartWidth || b.H < 0 || b.H > chartHeight || i > 0 && !b.At.After(got.Bars[i-1].At) {
				t.Errorf("%s: bar %+v", c.unit, b)
			}
		}
		if got.Unit != c.unit || sum != 10 || got.Max != 5 || len(got.Bars) > chartBars+1 {
			t.Errorf("%v: %s, %d bookings, at most %d, %d bars", c.span, got.Unit, sum, got.Max, len(got.Bars))
		}
	}
	if got := draw(v, nil, zone); len(got.Bars) != 0 {
		t.Errorf("%+v", got)
	}
	long := bookingapi.Pace{{At: start, Bookings: 1}, {At: start.AddDate(0, 0, 300), Bookings: 4}} // only the last days fit
	if got := draw(v, long, zone); len(got.Bars) > chartBars+1 || got.Max != 4 {
		t.Errorf("%d bars, at most %d", len(got.Bars), got.Max)
	}
}

// The outline of rows goes around them; places that are nowhere have none.
func TestShape(t *testing.T) {
	p := &seating.Plan{Seats: []seating.Seat{{X: 0, Y: 0}, {X: 10, Y: 0}, {X: 0, Y: 10}, {X: 10, Y: 10}, {}, {}}, Sections: []seating.Section{
		{ID: "A", First: 0, Count: 4, Rows: []seating.Row{{First: 0, Count: 2}, {First: 2, Count: 2}}},
		{ID: "GA", First: 4, Count: 2, GeneralAdmission: true},
	}}
	s := shapeOf(p)
	if want := "M0.0 0.0L10.0 0.0L10.0 10.0L10.0 10.0L0.0 10.0L0.0 0.0Z"; s.paths[0] != want || s.paths[1] != "" || s.view != "-0.2 -0.2 10.4 10.4" {
		t.Errorf("%+v", s)
	}
}

// A section of one row, which has no width, is seen all the same.
func TestShapeOfOneRow(t *testing.T) {
	p := &seating.Plan{Seats: []seating.Seat{{X: 0, Y: 5}, {X: 9, Y: 5}, {X: 18, Y: 5}}, Sections: []seating.Section{{ID: "A", Count: 3, Rows: []seating.Row{{Count: 3}}}}}
	s := shapeOf(p)
	if want := "M0.0 7.0L9.0 7.0L18.0 7.0L18.0 3.0L9.0 3.0L0.0 3.0Z"; s.paths[0] != want {
		t.Errorf("%s, want %s", s.paths[0], want)
	}
}

// The example of how seats are written is the plan's own.
func TestLabelsOf(t *testing.T) {
	p := &seating.Plan{Seats: []seating.Seat{{Label: "st-A-1"}, {Label: "st-A-2"}, {Label: "st-A-3"}}}
	if got := labelsOf(p); got != "st-A-1, st-A-2" {
		t.Errorf("the example is %q", got)
	}
	if got := labelsOf(&seating.Plan{}); got != "" {
		t.Errorf("a plan without seats has the example %q", got)
	}
}

func TestLabelsWithSpaces(t *testing.T) {
	if got := labelsIn(" S-Box 1 left-2, A-1-1;;A-1-2\r\n"); !slices.Equal(got, []string{"S-Box 1 left-2", "A-1-1", "A-1-2"}) {
		t.Errorf("%q", got)
	}
}

// What somebody has given back on the gateway's own pages is not left.
func TestLeft(t *testing.T) {
	b := &bookingapi.Booking{PaymentID: "b-1", Left: 100}
	for _, c := range []struct {
		p    *paymentapi.Payment
		want int64
	}{
		{nil, 100},
		{&paymentapi.Payment{ID: "b-1", Status: paymentapi.Captured, Amount: 150, Refunded: 50}, 100},
		{&paymentapi.Payment{ID: "b-1", Status: paymentapi.Captured, Amount: 150, Refunded: 90}, 60},
		{&paymentapi.Payment{ID: "b-1", Status: paymentapi.Refunded, Amount: 150, Refunded: 150}, 0},
		{&paymentapi.Payment{ID: "b-2", Status: paymentapi.Refunded, Amount: 150, Refunded: 150}, 100}, // it was given up
	} {
		if left := leftOf(b, c.p); left != c.want {
			t.Errorf("%+v: %d", c.p, left)
		}
	}
}

// A booking of 100.00, of which 40.00 went back on the gateway's own pages.
type (
	some       interface{ Bookings }
	oneBooking struct{ some }
	onePayment struct{ Payments }
	goodwill   struct {
		Seats
		given []int64
	}
)

func (oneBooking) Bookings(context.Context, []string) (map[string]bookingapi.Booking, error) {
	return map[string]bookingapi.Booking{"b": {ID: "b", PaymentID: "b-1", Amount: 10_000, Left: 10_000, Currency: "EUR"}}, nil
}

func (onePayment) Latest(context.Context, []string) (map[string]paymentapi.Payment, error) {
	return map[string]paymentapi.Payment{"b": {ID: "b-1", Status: paymentapi.Captured, Amount: 10_000, Refunded: 4000}}, nil
}

func (s *goodwill) GiveBack(_ context.Context, _ caller.Caller, g bookingapi.Goodwill) (b bookingapi.Booking, err error) {
	s.given = append(s.given, g.Amount)
	return b, nil
}

// More than the page says is left is refused, and the amount is named.
func TestGiveBackWhatIsLeft(t *testing.T) {
	s, c := &goodwill{}, &Console{}
	c.Bookings, c.Payments, c.Seats = oneBooking{}, onePayment{}, s
	v := &page.Visit{Request: httptest.NewRequest("POST", "/", nil)}
	err := c.giveBack(v, "b", &orderForms{Amount: "60.01"})
	if wrong := errs.Of(err); wrong == nil || len(wrong.Fields) != 1 || wrong.Fields[0].Reason != "must be at most 60.00 EUR" || len(s.given) != 0 {
		t.Errorf("%v, given back %v", err, s.given)
	}
	if err := c.giveBack(v, "b", &orderForms{Amount: "60"}); err != nil || !slices.Equal(s.given, []int64{6000}) {
		t.Errorf("%v, given back %v", err, s.given)
	}
}
