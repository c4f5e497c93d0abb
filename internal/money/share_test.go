package money

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		amount, rate int64
		rounding     Rounding
		want         int64
	}{
		{1000, 1900, HalfUp, 190}, {999, 1900, HalfUp, 190}, {997, 1900, HalfUp, 189},
		{50, 100, HalfUp, 1}, {50, 100, HalfEven, 0}, {150, 100, HalfEven, 2}, {50, 100, Down, 0}, {1, 1, Up, 1},
		{Max, 10_000, HalfEven, Max}, {0, 10_000, Up, 0}, {5, 0, Up, 0},
	} {
		if got := Share(c.amount, c.rate, c.rounding); got != c.want {
			t.Errorf("Share(%d, %d, %s) = %d, want %d", c.amount, c.rate, c.rounding, got, c.want)
		}
	}
}

// Every rounding is within one unit of the exact share, on its own side of it.
func TestShareIsNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount, rate := rapid.Int64Range(0, 4*Max).Draw(t, "amount"), rapid.Int64Range(0, 10_000).Draw(t, "rate")
		exact := big.NewRat(amount, 1)
		exact.Mul(exact, big.NewRat(rate, 10_000))
		for r, most := range map[Rounding]*big.Rat{HalfUp: big.NewRat(1, 2), HalfEven: big.NewRat(1, 2), Up: big.NewRat(9999, 10_000), Down: big.NewRat(9999, 10_000)} {
			off := new(big.Rat).Sub(big.NewRat(Share(amount, rate, r), 1), exact)
			if new(big.Rat).Abs(off).Cmp(most) > 0 || r == Up && off.Sign() < 0 || r == Down && off.Sign() > 0 {
				t.Fatalf("%s of %d at %d is off by %s", r, amount, rate, off)
			}
		}
	})
}
