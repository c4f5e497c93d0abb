package booking

import "math/bits"

// bitset is a set of seats, one bit each.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) set(i int32)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) clear(i int32)    { b[i>>6] &^= 1 << (i & 63) }

// count is how many of the seats first…first+n-1 are in the set.
func (b bitset) count(first, n int32) int {
	c, end := 0, first+n
	for i := first; i < end; {
		if i&63 == 0 && end-i >= 64 {
			c += bits.OnesCount64(b[i>>6])
			i += 64
			continue
		}
		if b.has(i) {
			c++
		}
		i++
	}
	return c
}
