package booking

import (
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// netRows are the rows that a batch writes, column by column, as unnest takes them. A
// missing value is 0 or "", which the statements turn into NULL.
type netRows struct {
	batch pgx.Batch // heads in which more than the seq has changed

	heads struct {
		id           []string
		seq, at, was []int64
		hash         [][]byte
	}
	fresh, dirty      bookingRows
	booked            bookedRows
	freed, new, moved claimRows
	ledger            ledgerRows
	expiries          expiryRows
}

type bookingRows struct {
	id, eventID, userID, status, seats, currency, planID, paymentID         []string
	createdAt, expiresAt, amount, fees, planVersion, priceVersion, seq, was []int64
	fingerprint, email                                                      [][]byte
	releasedAt, left                                                        []int64 // left: -1 is NULL
	givenBack                                                               []string
	extended                                                                []bool
}

// bookedRows are bookings that were paid and have not changed otherwise.
type bookedRows struct {
	eventID, id, paymentID []string
	seq, was               []int64
}

type claimRows struct {
	eventID, booking, was []string
	seat, until           []int64
}

type ledgerRows struct {
	eventID, kind, booking, seats, currency, sale []string
	seq, at, until, amount                        []int64
	hash                                          [][]byte
}

type expiryRows struct {
	eventID            []string
	until, first, last []int64
}

// room allocates the columns at their final size, so that they are not copied as they
// grow.
func (w *netRows) room(states []*state) {
	var fresh, dirty, entries int
	for _, s := range states {
		fresh, dirty, entries = fresh+len(s.fresh), dirty+len(s.dirty), entries+len(s.entries)
	}
	f, l, k := &w.fresh, &w.ledger, &w.booked
	sqldb.Room(fresh, &f.id, &f.eventID, &f.userID, &f.status, &f.seats, &f.currency, &f.planID, &f.paymentID)
	sqldb.Room(fresh, &f.createdAt, &f.expiresAt, &f.amount, &f.fees, &f.planVersion, &f.priceVersion, &f.seq)
	sqldb.Room(fresh, &f.fingerprint, &f.email)
	sqldb.Room(fresh, &f.extended)
	sqldb.Room(dirty, &k.eventID, &k.id, &k.paymentID)
	sqldb.Room(dirty, &k.seq, &k.was)
	sqldb.Room(entries, &l.eventID, &l.kind, &l.booking, &l.seats, &l.currency, &l.sale)
	sqldb.Room(entries, &l.seq, &l.at, &l.until, &l.amount)
	sqldb.Room(entries, &l.hash)
}

// add adds the rows of one event.
func (w *netRows) add(s *state) {
	w.addHead(s)
	for id := range s.fresh {
		b := s.bookings[id]
		if b.ReleasedAt != 0 || len(b.GivenBack) > 0 || tables.LeftColumn(&b.Row) != nil { // held and released in one batch
			w.batch.Queue(sqliteText[xBookingNew], bookingArgs(b)...).Exec(rowsAre(1, "insert booking"))
			continue
		}
		w.fresh.add(b)
		w.fresh.createdAt = append(w.fresh.createdAt, b.CreatedAt)
		w.fresh.fingerprint = append(w.fresh.fingerprint, b.Fingerprint)
		w.fresh.email = append(w.fresh.email, b.column())
	}
	for id, was := range s.dirty {
		b := s.bookings[id]
		if b.Late != was.Late { // before the other changes of the row, as they are queued later
			w.batch.Queue(sqliteText[xBookingLate], seatsOrEmpty(b.Held), s.eventID, b.ID, was.Seq).Exec(rowsAre(1, "note a late payment"))
		}
		if b.onlyPaidSince(was) {
			w.booked.add(b, was)
			continue
		}
		w.dirty.add(b)
		w.dirty.was = append(w.dirty.was, was.Seq)
		w.dirty.releasedAt, w.dirty.givenBack = append(w.dirty.releasedAt, b.ReleasedAt), append(w.dirty.givenBack, seatsOrEmpty(b.GivenBack))
		w.dirty.left = append(w.dirty.left, leftOr(b, -1))
	}
	for id, was := range s.moved {
		w.batch.Queue(sqliteText[xBookingUser], s.bookings[id].UserID, emailOrNull(s.bookings[id].address), s.eventID, id, was).Exec(rowsAre(1, "move booking"))
	}
	n := s.claims.writes()
	w.freed.add(s.eventID, n.freed)
	w.moved.add(s.eventID, n.moved)
	w.new.add(s.eventID, n.added)
	for i := range s.entries {
		w.ledger.add(&s.entries[i])
	}
	for _, row := range s.reasonRows() {
		w.batch.Queue(xReason, row...).Exec(rowsAre(1, "write a reason"))
	}
	for _, l := range s.expiries() {
		w.expiries.add(l)
	}
}

func (w *netRows) addHead(s *state) {
	if len(s.entries) == 0 {
		return
	}
	before := s.entries[0].Seq - 1
	switch {
	case before == 0:
		w.batch.Queue(sqliteText[xHeadNew], headArgs(s)...).Exec(rowsAre(1, "insert head"))
	case s.saleDirty:
		w.batch.Queue(sqliteText[xHead], append(headArgs(s), before)...).Exec(rowsAre(1, "update head"))
	default:
		h := &w.heads
		h.id, h.seq, h.at, h.was = append(h.id, s.eventID), append(h.seq, s.seq), append(h.at, s.at), append(h.was, before)
		h.hash = append(h.hash, s.hash[:])
	}
}

func (r *bookingRows) add(b *record) {
	r.id, r.eventID, r.userID = append(r.id, b.ID), append(r.eventID, b.EventID), append(r.userID, b.UserID)
	r.status, r.seats = append(r.status, string(b.Status)), append(r.seats, seatsText(b.Seats))
	r.expiresAt, r.amount, r.fees = append(r.expiresAt, b.ExpiresAt), append(r.amount, b.Amount), append(r.fees, b.Fees)
	r.currency, r.planID = append(r.currency, b.Currency), append(r.planID, b.PlanID)
	r.planVersion, r.priceVersion = append(r.planVersion, b.PlanVersion), append(r.priceVersion, b.PriceVersion)
	r.paymentID, r.extended, r.seq = append(r.paymentID, b.PaymentID), append(r.extended, b.Extended), append(r.seq, b.Seq)
}

// onlyPaidSince reports whether the booking has been paid since was, and nothing else
// in its row has changed.
func (r *record) onlyPaidSince(was *record) bool {
	return r.Status == bookingapi.Booked && r.ExpiresAt == 0 && r.Amount == was.Amount && r.Fees == was.Fees &&
		r.PlanVersion == was.PlanVersion && r.PlanID == was.PlanID && r.PriceVersion == was.PriceVersion &&
		r.Extended == was.Extended && r.ReleasedAt == was.ReleasedAt &&
		slices.Equal(r.Seats, was.Seats) && slices.Equal(r.GivenBack, was.GivenBack) && r.Left == tables.LeftOf(&r.Row)
}

func (r *bookedRows) add(b, was *record) {
	r.eventID, r.id, r.paymentID = append(r.eventID, b.EventID), append(r.id, b.ID), append(r.paymentID, b.PaymentID)
	r.seq, r.was = append(r.seq, b.Seq), append(r.was, was.Seq)
}

func (r *claimRows) add(eventID string, list []claimWrite) {
	sqldb.Room(len(list), &r.eventID, &r.booking, &r.was)
	sqldb.Room(len(list), &r.seat, &r.until)
	for _, w := range list {
		r.eventID, r.seat = append(r.eventID, eventID), append(r.seat, int64(w.seat))
		r.booking, r.until, r.was = append(r.booking, w.is.booking), append(r.until, w.is.until), append(r.was, w.was)
	}
}

func (r *ledgerRows) add(e *ledger.Entry) {
	r.eventID, r.seq, r.at, r.kind = append(r.eventID, e.EventID), append(r.seq, e.Seq), append(r.at, e.At), append(r.kind, string(e.Kind))
	r.booking, r.seats, r.until = append(r.booking, e.BookingID), append(r.seats, seatsOrEmpty(e.Seats)), append(r.until, e.Until)
	r.amount, r.currency, r.sale = append(r.amount, e.Amount), append(r.currency, e.Currency), append(r.sale, e.Sale)
	r.hash = append(r.hash, e.Hash[:])
}

func (r *expiryRows) add(l expiry) {
	r.until, r.eventID = append(r.until, l.until), append(r.eventID, l.eventID)
	r.first, r.last = append(r.first, l.first), append(r.last, l.last)
}

// statements returns the statements that write the rows. Freed seats come first, so
// that a new claim never conflicts with the one that it replaces. Each statement must
// change exactly as many rows as it is given.
func (w *netRows) statements() *pgx.Batch {
	set := func(n int, what, text string, columns ...any) {
		if n > 0 {
			w.batch.Queue(text, columns...).Exec(rowsAre(n, what))
		}
	}
	h := &w.heads
	set(len(h.id), "update head", pgHeadSeq, h.id, h.seq, h.hash, h.at, h.was)
	b := &w.fresh
	set(len(b.id), "insert booking", pgBookingsNew, b.id, b.eventID, b.userID, b.status, b.seats, b.createdAt, b.expiresAt, b.amount, b.fees,
		b.currency, b.planID, b.planVersion, b.priceVersion, b.paymentID, b.fingerprint, b.extended, b.seq, b.email)
	b = &w.dirty
	set(len(b.id), "update booking", pgBookingsSet, b.eventID, b.id, b.status, b.seats, b.expiresAt, b.amount, b.fees,
		b.planID, b.planVersion, b.priceVersion, b.paymentID, b.extended, b.seq, b.releasedAt, b.givenBack, b.left, b.was)
	k := &w.booked
	set(len(k.id), "book", pgBookingsBooked, k.eventID, k.id, k.paymentID, k.seq, k.was)
	c := &w.freed
	set(len(c.seat), "free claim", pgClaimsFree, c.eventID, c.seat, c.was)
	c = &w.new
	set(len(c.seat), "insert claim", pgClaimsNew, c.eventID, c.seat, c.booking, c.until)
	c = &w.moved
	set(len(c.seat), "update claim", pgClaimsMove, c.eventID, c.seat, c.booking, c.until, c.was)
	l := &w.ledger
	set(len(l.seq), "append to the ledger", pgLedger, l.eventID, l.seq, l.at, l.kind, l.booking, l.seats, l.until, l.amount, l.currency, l.sale, l.hash)
	p := &w.expiries
	set(len(p.until), "note expiry", pgExpiry, p.until, p.eventID, p.first, p.last)
	return &w.batch
}

// leftOr is the value of the column paid_left, or none for NULL.
func leftOr(b *record, none int64) int64 {
	if tables.LeftColumn(&b.Row) == nil {
		return none
	}
	return b.Left
}

func rowsAre(n int, what string) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error { return guard(int64(n), tag.RowsAffected(), what) }
}

func seatsOrEmpty(seats []int32) string {
	if len(seats) == 0 {
		return ""
	}
	return seatsText(seats)
}
