package audit

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

func (r *replay) compareSale(ctx context.Context, tx *sql.Tx) error {
	var h bookingapi.Sale
	var seq, at int64
	var hash []byte
	err := tx.QueryRowContext(ctx, `SELECT seq, hash, at, `+tables.SaleColumns+` FROM sales WHERE event_id = $1`, r.eventID).
		Scan(append([]any{&seq, &hash, &at}, tables.SaleFields(&h)...)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r.differ("it has no row in sales")
	case err != nil:
		return err
	case seq != r.seq:
		return r.differ("sales.seq is %d, but the ledger ends at %d", seq, r.seq)
	case !bytes.Equal(hash, r.hash[:]):
		return r.differ("sales.hash is not the hash of the last ledger entry")
	case at != r.at:
		return r.differ("sales.at is %d, but the last ledger entry is from %d", at, r.at)
	case string(tables.SaleJSON(&h)) != r.sale:
		return r.differ("the row in sales is %s, but the ledger says %s", tables.SaleJSON(&h), r.sale)
	}
	return nil
}

func (r *replay) compareClaims(v *verification) error {
	rows, err := v.tx.QueryContext(v.ctx, `SELECT seat, booking_id, expires_at FROM claims WHERE event_id = $1 ORDER BY seat`, r.eventID)
	if err != nil {
		return err
	}
	defer rows.Close()
	seen := 0
	for rows.Next() {
		var seat int32
		var c claim
		var until sql.NullInt64
		if err := rows.Scan(&seat, &c.booking, &until); err != nil {
			return r.differ("a row in claims is unreadable: %v", err)
		}
		c.until = until.Int64
		want, ok := r.claims[seat]
		switch {
		case !ok:
			return r.differ("claims has seat %d for booking %s, but the ledger says that it is free", seat, c.booking)
		case c.booking != want.booking:
			return r.differ("claims gives seat %d to booking %s, but the ledger to booking %s", seat, c.booking, want.booking)
		case c.until != want.until || until.Valid != (want.until != 0):
			return r.differ("claims.expires_at of seat %d is %d, but the ledger says %d (0: sold)", seat, c.until, want.until)
		}
		seen++
		v.sum.Claims++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if seen != len(r.claims) {
		return r.differ("claims has %d rows, but the ledger says %d seats are taken: seat %d is missing", seen, len(r.claims), r.unclaimed(v.ctx, v.tx))
	}
	return nil
}

// unclaimed returns the lowest seat that is taken according to the ledger but not in
// claims.
func (r *replay) unclaimed(ctx context.Context, tx *sql.Tx) int32 {
	seats := make([]int32, 0, len(r.claims))
	for s := range r.claims {
		seats = append(seats, s)
	}
	slices.Sort(seats)
	for _, s := range seats {
		var one int
		if tx.QueryRowContext(ctx, `SELECT 1 FROM claims WHERE event_id = $1 AND seat = $2`, r.eventID, s).Scan(&one) != nil {
			return s
		}
	}
	return -1
}

func (r *replay) compareBookings(v *verification) error {
	query := `SELECT ` + tables.BookingColumns + ` FROM bookings WHERE event_id = $1 /*postgres: COLLATE "C"*/ AND id >= $1 AND id < $2 ORDER BY id` // bookings_by_event
	if v.text != nil {
		query = v.text(query)
	}
	rows, err := v.tx.QueryContext(v.ctx, query, r.eventID, r.eventID+"~")
	if err != nil {
		return err
	}
	defer rows.Close()
	seen := map[string]bool{}
	live := map[int32]string{} // the booking that is pending or booked and names a seat
	for rows.Next() {
		b, email := &tables.Row{}, []byte(nil)
		if err := tables.ScanBooking(rows, b, &email); err != nil {
			return r.differ("a row in bookings is unreadable: %v", err)
		}
		want := r.bookings[b.ID]
		if want == nil {
			return r.differ("bookings has %s, which the ledger does not know", b.ID)
		}
		if err := r.compareBooking(b, want); err != nil {
			return err
		}
		if err := r.compareMore(v, b, want); err != nil {
			return err
		}
		want.PaymentID, want.PriceVersion = b.PaymentID, b.PriceVersion // not in the ledger
		if b.Status == bookingapi.Pending || b.Status == bookingapi.Booked {
			for _, seat := range b.Seats {
				if other := live[seat]; other != "" {
					return r.differ("bookings %s and %s both name seat %d", other, b.ID, seat)
				}
				live[seat] = b.ID
			}
		}
		seen[b.ID] = true
		v.sum.Bookings++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(seen) != len(r.bookings) {
		return r.lost(v, seen)
	}
	return nil
}

// lost describes a booking of the ledger that is missing from the event's rows.
func (r *replay) lost(v *verification, seen map[string]bool) error {
	for id := range r.bookings {
		var event string
		if !seen[id] && v.tx.QueryRowContext(v.ctx, `SELECT event_id FROM bookings WHERE id = $1`, id).Scan(&event) == nil { // searches all bookings
			return r.differ("bookings.event_id of %s is %q", id, event)
		}
	}
	return r.differ("bookings has %d rows, but the ledger knows %d bookings", len(seen), len(r.bookings))
}

func (r *replay) compareBooking(b *tables.Row, want *told) error {
	field := func(name string, is, should any) error {
		return r.differ("bookings.%s of %s is %v, but the ledger says %v", name, b.ID, is, should)
	}
	switch {
	case b.Status != want.Status:
		return field("status", b.Status, want.Status)
	case !slices.Equal(b.Seats, want.Seats):
		return field("seats", b.Seats, want.Seats)
	case b.ExpiresAt != want.ExpiresAt:
		return field("expires_at", b.ExpiresAt, want.ExpiresAt)
	case b.CreatedAt != want.CreatedAt:
		return field("created_at", b.CreatedAt, want.CreatedAt)
	case b.Amount != want.Amount && !want.partly:
		return field("amount", b.Amount, want.Amount)
	case b.Left != want.Left && (b.Left != 0 || !want.unpaid):
		return field("paid_left", b.Left, want.Left)
	case b.Currency != want.Currency:
		return field("currency", b.Currency, want.Currency)
	case b.Extended != want.Extended:
		return field("extended", b.Extended, want.Extended)
	case b.PlanID != want.PlanID || b.PlanVersion != want.PlanVersion:
		return field("plan", fmt.Sprintf("%s version %d", b.PlanID, b.PlanVersion), fmt.Sprintf("%s version %d", want.PlanID, want.PlanVersion))
	case b.PriceVersion == bookingapi.FreeOfCharge && want.Amount != 0:
		return field("price_version", b.PriceVersion, fmt.Sprintf("that it costs %d", want.Amount))
	case b.PriceVersion != bookingapi.FreeOfCharge && !slices.Contains(want.prices, b.PriceVersion):
		return field("price_version", b.PriceVersion, want.prices)
	case b.ReleasedAt != want.ReleasedAt && (b.ReleasedAt != 0 || !want.forgot):
		return field("released_at", b.ReleasedAt, want.ReleasedAt)
	case (b.Late == bookingapi.OtherSeats) != (want.Late == bookingapi.OtherSeats) || !slices.Equal(b.Held, want.Held):
		return field("late", b.Held, want.Held)
	case b.Seq != want.Seq:
		return field("seq", b.Seq, want.Seq)
	case (b.PaymentID != "") != (want.Status == bookingapi.Booked || b.PaymentID != "" && want.Status == bookingapi.Cancelled):
		return field("payment_id", fmt.Sprintf("%q", b.PaymentID), "otherwise for a booking that is "+string(want.Status))
	case b.PaymentID != "" && (b.PriceVersion == bookingapi.FreeOfCharge) != (b.PaymentID == bookingapi.Block || b.PaymentID == bookingapi.Complimentary):
		return field("payment_id", fmt.Sprintf("%q", b.PaymentID), fmt.Sprintf("otherwise for price version %d", b.PriceVersion))
	}
	return nil
}

// compareMore compares the parts of a booking's row that depend on other rows.
func (r *replay) compareMore(v *verification, b *tables.Row, want *told) error {
	for i, seat := range b.GivenBack {
		if slices.Contains(b.GivenBack[:i], seat) || !slices.Contains(want.gone, seat) && !slices.Contains(want.less, seat) {
			return r.differ("bookings.given_back of %s is %v, but the ledger knows nothing of seat %d", b.ID, b.GivenBack, seat)
		}
	}
	if missing := without(want.gone, b.GivenBack); len(missing) > 0 {
		return r.differ("bookings.given_back of %s is %v, but the ledger says that %v were given back", b.ID, b.GivenBack, missing)
	}
	if b.Status == bookingapi.Pending && !v.leadsTo(r.eventID, b.ExpiresAt, want.ends) {
		return r.differ("booking %s is held until %d, but no row in lapsing leads to it: its hold would never end", b.ID, b.ExpiresAt)
	}
	if v.Plans == nil {
		return nil
	}
	p, err := v.list(b)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return r.differ("booking %s has a plan or prices that do not exist: %v", b.ID, err)
	case err != nil:
		return err
	}
	for _, seat := range b.Seats {
		if !p.sells(seat) {
			return r.differ("booking %s has seat %d, which price version %d does not sell", b.ID, seat, b.PriceVersion)
		}
	}
	switch amount, fees := p.total(b.Seats); {
	case amount != b.Amount:
		return r.differ("bookings.price_version of %s is %d, but its seats cost %d by these prices, and not %d", b.ID, b.PriceVersion, amount, b.Amount)
	case fees != b.Fees:
		return r.differ("bookings.fees of %s is %d, but by price version %d they are %d", b.ID, b.Fees, b.PriceVersion, fees)
	}
	return r.compareBacks(p, want)
}

// list returns the price list of a booking, spread over its plan.
func (v *verification) list(b *tables.Row) (*priceList, error) {
	k := listKey{b.EventID, b.PlanID, b.PriceVersion, b.PlanVersion}
	if p := v.lists[k]; p != nil {
		return p, nil
	}
	p, err := readList(v.ctx, v.Plans, k)
	if err == nil {
		if len(v.lists) >= 100 { // few are in use at a time: an event's bookings are read together
			clear(v.lists)
		}
		v.lists[k] = p
	}
	return p, err
}

func (v *verification) readExpiries(eventID string) error {
	v.expiries = map[string][]expiry{}
	rows, err := v.tx.QueryContext(v.ctx, `SELECT expires_at, event_id, first_seq, last_seq FROM lapsing
		WHERE $1 IN ('', event_id) ORDER BY event_id, expires_at, first_seq`, eventID) // all of it: only live holds are in it
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l expiry
		if err := rows.Scan(&l.until, &l.eventID, &l.first, &l.last); err != nil {
			return err
		}
		v.expiries[l.eventID] = append(v.expiries[l.eventID], l)
	}
	return rows.Err()
}

// leadsTo reports whether the expiry index leads the janitor to one of these entries.
func (v *verification) leadsTo(eventID string, until int64, entries []int64) bool {
	list := v.expiries[eventID]
	from, _ := slices.BinarySearchFunc(list, until, func(l expiry, until int64) int { return cmp.Compare(l.until, until) })
	for _, l := range list[from:] {
		if l.until != until {
			break
		}
		if slices.ContainsFunc(entries, func(seq int64) bool { return l.first <= seq && seq <= l.last }) {
			return true
		}
	}
	return false
}

// givenBackSince returns when bookings got the columns released_at and given_back, in
// µs since 1970; 0: they always had them. It allows for nodes of the previous version
// that ran on for a moment.
func givenBackSince(ctx context.Context, db *sqldb.DB) (int64, error) {
	const people, moment = 4, 2 * time.Minute
	at, err := db.MigratedAt(ctx, "booking", people)
	if err != nil || at.IsZero() {
		return 0, err
	}
	return at.Add(moment).UnixMicro(), nil
}
