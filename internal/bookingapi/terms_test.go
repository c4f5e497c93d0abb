package bookingapi

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What goes back steps down as the fees begin, is never negative, and ends with the
// deadline. Neighbours with the same amount are one.
func TestBack(t *testing.T) {
	for name, c := range map[string]struct {
		sale   Sale
		bought int64
		now    int64
		want   []BackUntil
	}{
		"all of it, for good":          {Sale{}, 1, 5, []BackUntil{{0, 3000}}},
		"all of it, until the end":     {Sale{RefundsEnd: 100}, 1, 5, []BackUntil{{100, 3000}}},
		"over":                         {Sale{RefundsEnd: 100}, 1, 100, nil},
		"a rate and an amount":         {sale(100, CancelFee{10, 2500, 0}, CancelFee{20, 2500, 100}), 1, 5, []BackUntil{{10, 3000}, {20, 2250}, {100, 2050}}},
		"from the beginning":           {sale(0, CancelFee{0, 1000, 0}), 1, 5, []BackUntil{{0, 2700}}},
		"no more than the price":       {sale(0, CancelFee{0, 0, 1500}), 1, 5, []BackUntil{{0, 500}}},
		"a step that has begun":        {sale(100, CancelFee{10, 5000, 0}), 1, 10, []BackUntil{{100, 1500}}},
		"the terms when it was bought": {changed(sale(100, CancelFee{0, 10000, 0}), EarlierTerms{7, 50, []CancelFee{{30, 5000, 0}}}), 7, 8, []BackUntil{{30, 3000}, {50, 1500}, {100, 0}}},
		"bought after the change":      {changed(sale(100, CancelFee{0, 10000, 0}), EarlierTerms{7, 50, nil}), 8, 9, []BackUntil{{100, 0}}},
		"the event was moved":          {Sale{RefundsEnd: 100, Terms: CancelTerms{Fees: []CancelFee{{0, 5000, 0}}}, ChangedAt: 7, ChangeRefundsEnd: 60}, 7, 8, []BackUntil{{60, 3000}, {100, 1500}}},
	} {
		if got := c.sale.CancellingOf(c.bought).Back([]int64{2000, 1000}, c.now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func sale(end int64, fees ...CancelFee) Sale {
	return Sale{RefundsEnd: end, Terms: CancelTerms{Fees: fees}}
}

func changed(s Sale, earlier ...EarlierTerms) Sale {
	s.Terms.Earlier = earlier
	return s
}

// What a list of amounts says is what a cancellation at that time keeps.
func TestBackSaysWhatIsKept(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 15))
		terms := func() (end int64, fees []CancelFee) {
			for from := r.Int64N(20); len(fees) < r.IntN(4); from += 1 + r.Int64N(20) {
				fees = append(fees, CancelFee{from, r.Int64N(10_001), r.Int64N(500)})
			}
			return r.Int64N(80), fees
		}
		var s Sale
		s.RefundsEnd, s.Terms.Fees = terms()
		for range r.IntN(3) {
			end, fees := terms()
			s.Terms.Earlier = append(s.Terms.Earlier, EarlierTerms{r.Int64N(10), end, fees})
		}
		c, prices := s.CancellingOf(r.Int64N(12)), []int64{r.Int64N(3000), r.Int64N(3000)}
		from := r.Int64N(40)
		list := c.Back(prices, from)
		for now := from; now < 100; now++ {
			want := int64(0)
			for _, p := range prices {
				kept := c.Kept(p, now)
				if kept < 0 || kept > p {
					t.Fatalf("seed %d: %d is kept of %d", seed, kept, p)
				}
				want += p - kept
			}
			got := int64(0)
			if i := slices.IndexFunc(list, func(b BackUntil) bool { return b.Until == 0 || now < b.Until }); i >= 0 {
				got = list[i].Amount
			} else if c.Open(now) {
				t.Fatalf("seed %d: at %d nothing is said, but it is open", seed, now)
			}
			if got != want {
				t.Fatalf("seed %d: at %d %d goes back, but %v says %d", seed, now, want, list, got)
			}
		}
	}
}
