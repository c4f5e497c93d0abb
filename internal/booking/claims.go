package booking

import "fmt"

// claim is the booking that has a seat: "" means none, until 0 means for good.
type claim struct {
	booking string
	until   int64 // µs since 1970
}

// touched is a claim before and after the batch.
type touched struct {
	was, is claim
	read    bool // this transaction has read the claim's own row, or that there is none
}

// claims are the claims that a batch has looked at or changes. Two rules make it
// safe, whatever else is remembered or believed:
//
//   - Each change names the booking that must have the seat until then. The write
//     repeats that as its condition.
//   - A claim is left unwritten only if this transaction has read that claim's own
//     row and leaves it as it is. What follows from a booking's row or from memory
//     is written, and so checked, even if nothing changes.
type claims struct {
	m   map[int32]touched
	err error // the first change that contradicts what is known
}

// read takes in a claim's row; a zero claim says that there is none.
func (c *claims) read(seat int32, row claim) {
	if _, known := c.m[seat]; !known {
		c.m[seat] = touched{was: row, is: row, read: true}
	}
}

// of is the claim on a seat as far as this batch knows: zero when it is free, or was
// not looked at.
func (c *claims) of(seat int32) claim { return c.m[seat].is }

// move gives a seat that from has ("": nobody) to somebody else or to the same
// booking for another time; to a zero claim: the seat becomes free.
func (c *claims) move(seat int32, from string, to claim) {
	t, known := c.m[seat]
	if !known {
		t.was.booking = from
	} else if t.is.booking != from && c.err == nil {
		c.err = fmt.Errorf("%w: seat %d is moved from booking %q, but booking %q has it", errGuard, seat, from, t.is.booking)
	}
	t.is = to
	c.m[seat] = t
}

// netClaims are the writes that make the rows of claims what a batch has decided.
// Each must change exactly one row.
type netClaims struct {
	freed []claimWrite // DELETE where was has the seat
	moved []claimWrite // UPDATE where was has the seat
	added []claimWrite // INSERT; the primary key refuses it where somebody has the seat
}

// claimWrite is one row: the claim it becomes, and whose it must be.
type claimWrite struct {
	seat int32
	was  string
	is   claim
}

// unproven are the seats that were thought to be free, taken, and given up again:
// no write would notice that somebody has them.
func (c *claims) unproven() (seats []int32) {
	for seat, t := range c.m {
		if !t.read && t.was.booking == "" && t.is.booking == "" {
			seats = append(seats, seat)
		}
	}
	return seats
}

// writes are what is to be written.
func (c *claims) writes() (n netClaims) {
	add := func(list *[]claimWrite, w claimWrite) {
		if *list == nil {
			*list = make([]claimWrite, 0, len(c.m)) // most batches do one thing to most of their seats
		}
		*list = append(*list, w)
	}
	for seat, t := range c.m {
		w := claimWrite{seat, t.was.booking, t.is}
		switch {
		case t.read && t.is == t.was:
		case t.was.booking == "" && t.is.booking == "": // see unproven
		case t.is.booking == "":
			add(&n.freed, w)
		case t.was.booking == "":
			add(&n.added, w)
		default:
			add(&n.moved, w)
		}
	}
	return n
}
