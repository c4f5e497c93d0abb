package money

import "fmt"

// Rounding says what becomes of parts of a minor unit.
type Rounding string

// The roundings.
const (
	HalfUp   Rounding = "half_up"   // to the nearest, halves up
	HalfEven Rounding = "half_even" // to the nearest, halves to the even neighbour
	Up       Rounding = "up"        // always up
	Down     Rounding = "down"      // always down
)

// Known reports whether r is one of the roundings.
func (r Rounding) Known() bool {
	return r == HalfUp || r == HalfEven || r == Up || r == Down
}

// Share is a rate of an amount, rounded to whole minor units. The amount is 0 to
// a few times Max; the rate is in hundredths of a percent (10,000 is the whole),
// 0 to 10,000.
func Share(amount, rate int64, r Rounding) int64 {
	const whole = 10_000
	product := amount * rate // at most some 10^18
	n, rest := product/whole, product%whole
	switch r {
	case HalfUp:
		if 2*rest >= whole {
			n++
		}
	case HalfEven:
		if 2*rest > whole || 2*rest == whole && n%2 == 1 {
			n++
		}
	case Up:
		if rest > 0 {
			n++
		}
	case Down:
	default:
		panic(fmt.Sprintf("money: no such rounding: %q", r))
	}
	return n
}
