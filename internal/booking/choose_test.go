package booking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/seating"
)

// rows draws rows of seats, '.' free and 'x' taken, as one section of a plan.
func drawn(rows ...string) *state {
	p := &seating.Plan{Categories: []seating.Category{{Name: "c"}}}
	sec := seating.Section{ID: "S"}
	s := newState("event")
	s.taken = newBitset(200_000)
	for i, r := range rows {
		row := seating.Row{Label: fmt.Sprint(i), First: int32(len(p.Seats)), Count: int32(len(r))}
		for _, c := range r {
			if c == 'x' {
				s.taken.set(int32(len(p.Seats)))
			}
			p.Seats = append(p.Seats, seating.Seat{Label: fmt.Sprint(len(p.Seats))})
		}
		sec.Rows = append(sec.Rows, row)
	}
	sec.Count = int32(len(p.Seats))
	p.Sections = []seating.Section{sec}
	prices := &seating.Prices{Version: 1, Tiers: []seating.Tier{{Categories: []string{"c"}}}}
	s.plan = p
	s.sale.PriceVersion = 1
	s.prices[saleKey(s.eventID, &s.sale)] = &priced{Prices: prices, plan: p, tierOf: prices.Assign(p)}
	return s
}

// shown draws the chosen seats as 'o'.
func shown(s *state, chosen []int32) string {
	var out []string
	for _, row := range s.plan.Sections[0].Rows {
		var b strings.Builder
		for n := row.First; n < row.First+row.Count; n++ {
			switch {
			case slices.Contains(chosen, n):
				b.WriteByte('o')
			case s.taken.has(n):
				b.WriteByte('x')
			default:
				b.WriteByte('.')
			}
		}
		out = append(out, b.String())
	}
	return strings.Join(out, " ")
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		rows string
		want string
	}{
		{"the middle of the first row", 2, "...... ......", "..oo.. ......"},
		{"one in the middle", 1, ".......", "...o..."},
		{"together rather than in front", 3, "..x.x.. .......", "..x.x.. ..ooo.."},
		{"no single seat is left alone", 2, "x...x....x", "x...xoo..x,x...x..oox"},
		{"rather a row behind than an orphan", 2, "x...x ....", "x...x oo.."},
		{"an orphan rather than apart", 2, "x...x x.x.x", "xoo.x x.x.x"},
		{"a gap that fits exactly", 2, "x..x.x.x", "xoox.x.x"},
		{"apart when nothing else is left: the longest first", 3, "x.x..x.", "xox..x.,xoxoox."},
		{"not enough", 4, "x.x..xx", ""},
		{"all there is", 3, "...", "ooo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := drawn(strings.Fields(c.rows)...)
			got := s.choose(s.today(), c.n, -1, -1, nil)
			if c.want == "" {
				if got != nil {
					t.Fatalf("chose %v", shown(s, got))
				}
				return
			}
			if len(got) != c.n {
				t.Fatalf("chose %d seats", len(got))
			}
			fair := strings.Split(c.want, ",")
			if !slices.Contains(fair, shown(s, got)) {
				t.Fatalf("%s: chose %s, want %s", c.rows, shown(s, got), c.want)
			}
		})
	}
}

// FuzzChoose checks that chosen seats are free, distinct and of the right number, that
// seats are found whenever enough are free, and in one row whenever a row has room.
func FuzzChoose(f *testing.F) {
	f.Add([]byte{0xff, 0x0f, 0x3c}, uint8(2), uint8(5))
	f.Add([]byte{0, 0, 0, 0}, uint8(8), uint8(9))
	f.Fuzz(func(t *testing.T, taken []byte, n, width uint8) {
		n, width = n%10+1, width%20+1
		if len(taken) > 40 {
			taken = taken[:40]
		}
		var rows []string
		row := ""
		free, longest, run := 0, 0, 0
		for i := range len(taken) * 8 {
			if taken[i/8]&(1<<(i%8)) != 0 {
				row += "x"
				run = 0
			} else {
				row += "."
				free++
				run++
				longest = max(longest, run)
			}
			if len(row) == int(width) {
				rows, row, run = append(rows, row), "", 0
			}
		}
		if row != "" {
			rows = append(rows, row)
		}
		if len(rows) == 0 {
			return
		}
		s := drawn(rows...)
		got := s.choose(s.today(), int(n), -1, -1, nil)
		if (got != nil) != (free >= int(n)) {
			t.Fatalf("%v: chose %v of %d free", rows, got, free)
		}
		if got == nil {
			return
		}
		if len(unique(got)) != int(n) {
			t.Fatalf("%v: chose %v", rows, got)
		}
		for _, seat := range got {
			if s.taken.has(seat) {
				t.Fatalf("%v: chose %d, which is taken", rows, seat)
			}
		}
		sec := &s.plan.Sections[0]
		together := sec.RowOf(got[0]) == sec.RowOf(got[n-1]) && got[n-1]-got[0] == int32(n)-1
		if together != (longest >= int(n)) {
			t.Fatalf("%v: chose %v, the longest run is %d", rows, got, longest)
		}
	})
}

// Expired holds are free to be chosen, and the whole booking that held them ends.
func TestChooseExpired(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	w.hold(ev, "ann", "B-A-1", "B-A-2", "B-A-3", "B-A-4")
	ctx := context.Background()
	request := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 3, Section: "B"}}
	_, err := w.s.Hold(ctx, fan("bob"), "", request)
	wantType(t, err, "sold-out")
	w.pass(8 * minute)
	b, err := w.s.Hold(ctx, fan("bob"), "", request)
	if err != nil || len(b.Seats) != 3 {
		t.Fatalf("%+v, %v", b, err)
	}
	w.hold(ev, "cid", w.plan.Seats[free(w, ev)].Label)
	w.verify(ev)
}

// free is a free seat of section B.
func free(w *world, ev string) int32 {
	v, err := w.s.views.get(context.Background(), ev)
	if err != nil {
		w.t.Fatal(err)
	}
	sec := w.plan.Sections[1]
	for n := sec.First; n < sec.First+sec.Count; n++ {
		if v.status[n] == seatFree {
			return n
		}
	}
	w.t.Fatal("section B is full")
	return 0
}

// Seats are together if they are side by side, not if their numbers are consecutive.
func TestChooseBesideEachOther(t *testing.T) {
	s := drawn("......", "....")
	at := []float32{0, 10, 20, 50, 60, 70, 0, 10, 20, 30} // an aisle in the first row
	for i := range s.plan.Seats {
		s.plan.Seats[i].X = at[i]
	}
	s.plan.Index()
	p := s.today()
	if got := shown(s, s.choose(p, 4, -1, -1, nil)); got != "...... oooo" {
		t.Errorf("four: %s", got)
	}
	if got := shown(s, s.choose(p, 3, -1, -1, nil)); got != "ooo... ...." && got != "...ooo ...." {
		t.Errorf("three: %s", got)
	}
	if got := p.plan.Near(p.tierOf, []int32{2, 3}, []int32{3}, func(n int32) bool { return n != 3 && n < 6 }); len(got) != 2 || got[1] != got[0]+1 || got[0] == 2 {
		t.Errorf("near: %v", got)
	}
}
