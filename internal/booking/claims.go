package booking

import "fmt"

// claim says which booking has a seat ("": none) and until when (0: for good).
type claim struct {
	booking string
	until   int64 // µs since 1970
}

// touched is a claim before and after the batch.
type touched struct {
	was, is claim
	read    bool // this transaction has read the claim's own row, or that there is none
}

// claims are the claims that a batch has read or changes. Two rules make it safe,
// even if what is in memory is wrong:
//
//   - Each change names the booking that must have the seat before it. The write has
//     this as its condition.
//   - A claim is left unwritten only if this transaction has read the claim's own row
//     and leaves it unchanged. A claim inferred from a booking's row or from memory is
//     written, and thereby checked, even if it does not change.
type claims struct {
	m   map[int32]touched
	err error // of the first change that contradicts what is known
}

// read records a claim's row; a zero claim says that there is none.
func (c *claims) read(seat int32, row claim) {
	if _, known := c.m[seat]; !known {
		c.m[seat] = touched{was: row, is: row, read: true}
	}
}

// of returns the claim on a seat as far as this batch knows: zero if the seat is free
// or was not read.
func (c *claims) of(seat int32) claim { return c.m[seat].is }

// move changes the claim on a seat that booking from has ("": none): to another
// booking, to another end, or to a zero claim, which frees the seat.
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

// netClaims are the writes that bring the table claims to what a batch has decided.
// Each must change exactly one row.
type netClaims struct {
	freed []claimWrite // DELETE where booking was has the seat
	moved []claimWrite // UPDATE where booking was has the seat
	added []claimWrite // INSERT; the primary key refuses it if the seat is taken
}

// claimWrite is one row: the booking that must have it, and the claim it becomes.
type claimWrite struct {
	seat int32
	was  string
	is   claim
}

// unproven returns the seats that were assumed free, then taken and freed again in
// this batch: no write would notice that somebody else has them.
func (c *claims) unproven() (seats []int32) {
	for seat, t := range c.m {
		if !t.read && t.was.booking == "" && t.is.booking == "" {
			seats = append(seats, seat)
		}
	}
	return seats
}

// writes returns the rows to write.
func (c *claims) writes() (n netClaims) {
	add := func(list *[]claimWrite, w claimWrite) {
		if *list == nil {
			*list = make([]claimWrite, 0, len(c.m)) // most batches do the same to most of their seats
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
