package console

import (
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/page"
)

// chart is the pace of a sale as a bar chart of 720 × 180.
type chart struct {
	Unit     string // minute, hour, day
	Bars     []bar
	Max      int64
	From, To time.Time // in the event's zone
	Peak     bar       // the highest
}

// bar is one bar of the chart.
type bar struct {
	At         time.Time
	N          int64
	X, Y, W, H float64
}

// Size of the drawing, and the maximum number of bars.
const (
	chartWidth  = 720
	chartHeight = 160 // above the axis
	chartBars   = 120
)

// units are the periods that a bar can cover.
var units = []struct {
	name string
	long time.Duration
}{{"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}}

// draw makes a chart of the pace of a sale, in the finest unit that fits. It covers
// the time from the first paid booking to now or, if that was long ago, to the last
// one.
func draw(v *page.Visit, pace bookingapi.Pace, zone *time.Location) chart {
	if len(pace) == 0 {
		return chart{}
	}
	first, last := pace[0].At, pace[len(pace)-1].At
	if now := v.Now(); now.Sub(last) < time.Hour {
		last = now
	}
	unit := units[len(units)-1]
	for _, u := range units {
		if last.Sub(first) < chartBars*u.long {
			unit = u
			break
		}
	}
	start := begin(first.In(zone), unit.long)
	if unit.long == 24*time.Hour && last.Sub(start) >= chartBars*unit.long {
		start = begin(last.In(zone).AddDate(0, 0, 1-chartBars), unit.long)
	}
	c := chart{Unit: unit.name, From: start, To: last.In(zone)}
	for at := start; !at.After(last) && len(c.Bars) <= chartBars; at = after(at, unit.long) {
		c.Bars = append(c.Bars, bar{At: at})
	}
	i := 0
	for _, p := range pace {
		for i+1 < len(c.Bars) && !p.At.Before(c.Bars[i+1].At) {
			i++
		}
		if !p.At.Before(start) {
			c.Bars[i].N += p.Bookings
		}
	}
	c.measure()
	return c
}

// begin returns the beginning of a unit in the zone of t.
func begin(t time.Time, unit time.Duration) time.Time {
	if unit == 24*time.Hour {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	}
	return t.Truncate(unit)
}

// after returns the beginning of the next unit; days may have 23 or 25 hours.
func after(t time.Time, unit time.Duration) time.Time {
	if unit == 24*time.Hour {
		return t.AddDate(0, 0, 1)
	}
	return t.Add(unit)
}

// measure computes the sizes of the bars.
func (c *chart) measure() {
	for _, b := range c.Bars {
		if b.N > c.Max {
			c.Max, c.Peak = b.N, b
		}
	}
	slot := float64(chartWidth) / float64(max(len(c.Bars), 12))
	for i := range c.Bars {
		b := &c.Bars[i]
		b.H = tenth(chartHeight * float64(b.N) / float64(max(c.Max, 1)))
		b.X, b.W, b.Y = tenth(float64(i)*slot), tenth(max(slot-max(1, slot/8), .8)), tenth(chartHeight-b.H)
	}
}

func tenth(x float64) float64 { return float64(int(x*10+.5)) / 10 }
