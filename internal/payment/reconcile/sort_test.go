package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The sorter yields what it took, in order, whether or not it fits into memory.
func TestSorter(t *testing.T) {
	for _, limit := range []int{1, 200, 5000, memory} {
		rnd := rand.New(rand.NewPCG(7, 7))
		s := newSorter()
		s.limit = limit
		var want []sortedMovement
		for i := range 500 {
			m := sortedMovement{side(i % 2), Movement{Kind: "captured", ID: fmt.Sprint(i), Charge: fmt.Sprint(rnd.IntN(100)), Reference: strings.Repeat("r", i%7), Key: "k",
				Amount: rnd.Int64() - rnd.Int64(), Fee: -1, Currency: "EUR", At: int64(i), Off: int64(-i)}}
			want = append(want, m)
			if err := s.add(m.of, &m.Movement); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(want, func(a, b sortedMovement) int { return strings.Compare(a.Charge, b.Charge) })
		var got []sortedMovement
		for m, err := range s.sorted() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: another order or other contents", limit)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// An element that is cut off is an error, never another element.
func FuzzDecode(f *testing.F) {
	m := Movement{Kind: "captured", ID: "1", Charge: "c", Amount: 5, Currency: "EUR"}
	f.Add(encode(nil, ofGateway, &m))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decode([]byte("c"), b); err == nil {
			again, err := decode([]byte("c"), encode(nil, m.of, &m.Movement))
			if err != nil || again != m {
				t.Fatalf("%+v, %v", again, err)
			}
		}
	})
}
