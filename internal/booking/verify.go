package booking

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
)

// Verified says what a verification has seen.
type Verified struct {
	Events   int
	Entries  int64
	Bookings int64
	Claims   int64
}

// Difference is the first thing that is not as the ledger says.
type Difference struct {
	EventID string
	Text    string
}

func (d Difference) Error() string { return "event " + d.EventID + ": " + d.Text }

// Verify replays the ledger of one event ("": of all) and compares the outcome
// with the tables, all in one snapshot of the database. It shares no code with
// the decisions. The error is a Difference when they disagree.
func Verify(ctx context.Context, db *sqldb.DB, eventID string) (Verified, error) {
	var sum Verified
	tx, err := db.Snapshot(ctx)
	if err != nil {
		return sum, fmt.Errorf("verify: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it was only read
	ids, err := sqldb.Texts(ctx, tx, `SELECT event_id FROM sales UNION SELECT event_id FROM ledger
		UNION SELECT event_id FROM claims UNION SELECT event_id FROM bookings ORDER BY 1`)
	if err != nil {
		return sum, fmt.Errorf("verify: %w", err)
	}
	if eventID != "" {
		if !slices.Contains(ids, eventID) {
			return sum, fmt.Errorf("verify: there is no event %q", eventID)
		}
		ids = []string{eventID}
	}
	for _, id := range ids {
		if err := verifyEvent(ctx, tx, id, &sum); err != nil {
			return sum, err
		}
		sum.Events++
	}
	return sum, nil
}

// replay is what the ledger says should be in the tables.
type replay struct {
	eventID  string
	seq      int64
	hash     [32]byte
	at       int64
	sale     string
	seats    int32
	is       message.Sale // as of the entry that is looked at
	claims   map[int32]claim
	bookings map[string]*told
	scratch  []byte
}

// told is a booking as the ledger tells of it.
type told struct {
	record
	prices []int64 // versions that its seats may have been held at
}

func verifyEvent(ctx context.Context, tx *sql.Tx, eventID string, sum *Verified) error {
	r := &replay{eventID: eventID, claims: map[int32]claim{}, bookings: map[string]*told{}}
	rows, err := tx.QueryContext(ctx, `SELECT `+entryColumns+` FROM ledger WHERE event_id = $1 ORDER BY seq`, eventID)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return Difference{eventID, err.Error()}
		}
		if err := r.step(&e); err != nil {
			return err
		}
		sum.Entries++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := r.compareSale(ctx, tx); err != nil {
		return err
	}
	if err := r.compareClaims(ctx, tx, sum); err != nil {
		return err
	}
	return r.compareBookings(ctx, tx, sum)
}

func (r *replay) differ(format string, args ...any) error {
	return Difference{r.eventID, fmt.Sprintf(format, args...)}
}

// step checks one entry against what came before, and carries it out.
func (r *replay) step(e *message.Entry) error {
	at := func(format string, args ...any) error {
		return r.differ("ledger entry %d (%s): %s", e.Seq, e.Kind, fmt.Sprintf(format, args...))
	}
	if e.Seq != r.seq+1 {
		return r.differ("ledger entry %d follows entry %d: entries are missing", e.Seq, r.seq)
	}
	if e.At < r.at {
		return at("its time %d is before that of the entry before it, %d", e.At, r.at)
	}
	want, scratch := e.Chain(r.hash, r.scratch)
	r.scratch = scratch
	if e.Hash != want {
		return at("its hash is %x, but the chain says %x", e.Hash[:4], want[:4])
	}
	r.seq, r.at, r.hash = e.Seq, e.At, e.Hash
	if e.Kind == message.EntrySale {
		var s message.Sale
		if err := json.Unmarshal([]byte(e.Sale), &s); err != nil {
			return at("its sale state is unreadable: %v", err)
		}
		if (s.PlanID != r.is.PlanID || s.PlanVersion != r.is.PlanVersion) && len(r.claims) > 0 {
			return at("the seating plan changes while %d seats are taken", len(r.claims))
		}
		r.sale, r.seats, r.is = e.Sale, s.Seats, s
		return nil
	}
	for _, seat := range e.Seats {
		if seat >= r.seats {
			return at("seat %d is not in the plan of %d seats", seat, r.seats)
		}
	}
	return r.stepBooking(e, at)
}

func (r *replay) stepBooking(e *message.Entry, at func(string, ...any) error) error {
	b := r.bookings[e.BookingID]
	if e.Kind == message.EntryHeld {
		if b != nil {
			return at("booking %s was held before", e.BookingID)
		}
		b = &told{record: record{Booking: message.Booking{ID: e.BookingID, CreatedAt: e.At, PlanID: r.is.PlanID, PlanVersion: r.is.PlanVersion}}}
		r.bookings[e.BookingID] = b
	}
	if b == nil {
		return at("booking %s was never held", e.BookingID)
	}
	from := b.Status
	b.Seq = e.Seq
	allowed := map[message.EntryKind][]message.BookingStatus{
		message.EntryHeld:      {""},
		message.EntrySwapped:   {message.Pending},
		message.EntryExtended:  {message.Pending},
		message.EntryBooked:    {message.Pending, message.Expired},
		message.EntryExpired:   {message.Pending},
		message.EntryReleased:  {message.Pending, message.Expired},
		message.EntryCancelled: {message.Booked},
	}[e.Kind]
	if !slices.Contains(allowed, from) {
		return at("booking %s was %q", e.BookingID, from)
	}
	if len(e.Seats) > 0 && from != message.Expired || e.Kind == message.EntryBooked {
		if b.PlanID != r.is.PlanID || b.PlanVersion != r.is.PlanVersion {
			return at("booking %s is of plan %s version %d, but the event's is %s version %d", b.ID, b.PlanID, b.PlanVersion, r.is.PlanID, r.is.PlanVersion)
		}
	}
	switch e.Kind {
	case message.EntryHeld, message.EntrySwapped:
		b.prices = append(b.prices, r.is.PriceVersion)
		if err := r.leave(b, b.Seats, at); err != nil {
			return err
		}
		b.Status, b.Seats, b.Amount, b.Currency, b.ExpiresAt = message.Pending, e.Seats, e.Amount, e.Currency, e.Until
		return r.enter(b, e.Until, at)
	case message.EntryExtended:
		b.ExpiresAt, b.Extended = e.Until, true
		return r.enter(b, e.Until, at)
	case message.EntryBooked:
		if !slices.Equal(e.Seats, b.Seats) || e.Amount != b.Amount || e.Currency != b.Currency {
			return at("booking %s is sold other seats, or at another price, than it held", b.ID)
		}
		b.Status, b.ExpiresAt = message.Booked, 0
		return r.enter(b, 0, at)
	case message.EntryExpired:
		if e.At < b.ExpiresAt {
			return at("the hold of booking %s ended early", b.ID)
		}
		b.Status = message.Expired
		return r.leave(b, e.Seats, at)
	default:
		return r.giveBack(b, e, at)
	}
}

// enter claims a booking's seats: no other booking may have them.
func (r *replay) enter(b *told, until int64, at func(string, ...any) error) error {
	for _, seat := range b.Seats {
		if c := r.claims[seat]; c.booking != "" && c.booking != b.ID {
			return at("seat %d goes to booking %s, but booking %s has it", seat, b.ID, c.booking)
		}
		r.claims[seat] = claim{b.ID, until}
	}
	return nil
}

// leave frees seats, which the booking must have.
func (r *replay) leave(b *told, seats []int32, at func(string, ...any) error) error {
	for _, seat := range seats {
		if r.claims[seat].booking != b.ID {
			return at("seat %d is freed by booking %s, which does not have it", seat, b.ID)
		}
		delete(r.claims, seat)
	}
	return nil
}

func (r *replay) giveBack(b *told, e *message.Entry, at func(string, ...any) error) error {
	if err := r.leave(b, e.Seats, at); err != nil {
		return err
	}
	if b.Status == message.Expired && len(e.Seats) == 0 { // so that it is not paid any more
		b.Status, b.ReleasedAt, b.ExpiresAt = message.BookingCancelled, b.ExpiresAt, 0
		return nil
	}
	if len(e.Seats) == len(b.Seats) {
		if b.Status == message.Pending {
			b.ReleasedAt = e.At
		}
		b.Status, b.ExpiresAt = message.BookingCancelled, 0
		return nil
	}
	if e.Kind == message.EntryReleased {
		return at("booking %s gives up only some of its seats", b.ID)
	}
	b.Seats = slices.DeleteFunc(slices.Clone(b.Seats), func(s int32) bool { return slices.Contains(e.Seats, s) })
	b.Amount -= e.Amount
	return nil
}

func (r *replay) compareSale(ctx context.Context, tx *sql.Tx) error {
	var h message.Sale
	var seq, at int64
	var hash []byte
	err := tx.QueryRowContext(ctx, `SELECT seq, hash, at, `+saleColumns+` FROM sales WHERE event_id = $1`, r.eventID).
		Scan(append([]any{&seq, &hash, &at}, saleFields(&h)...)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r.differ("it has no row in sales")
	case err != nil:
		return fmt.Errorf("verify: %w", err)
	case seq != r.seq:
		return r.differ("sales.seq is %d, but the ledger ends at %d", seq, r.seq)
	case !bytes.Equal(hash, r.hash[:]):
		return r.differ("sales.hash is not the hash of the last ledger entry")
	case at != r.at:
		return r.differ("sales.at is %d, but the last ledger entry is from %d", at, r.at)
	case string(saleJSON(&h)) != r.sale:
		return r.differ("the row in sales is %s, but the ledger says %s", saleJSON(&h), r.sale)
	}
	return nil
}

func (r *replay) compareClaims(ctx context.Context, tx *sql.Tx, sum *Verified) error {
	rows, err := tx.QueryContext(ctx, `SELECT seat, booking_id, expires_at FROM claims WHERE event_id = $1 ORDER BY seat`, r.eventID)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
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
		sum.Claims++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if seen != len(r.claims) {
		return r.differ("claims has %d rows, but the ledger says %d seats are taken: seat %d is missing", seen, len(r.claims), r.unclaimed(ctx, tx))
	}
	return nil
}

// unclaimed is the lowest seat that the ledger says is taken and claims does not have.
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

func (r *replay) compareBookings(ctx context.Context, tx *sql.Tx, sum *Verified) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+bookingColumns+` FROM bookings WHERE event_id = $1 ORDER BY id`, r.eventID)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer rows.Close()
	seen := 0
	live := map[int32]string{} // the booking that is pending or booked and names a seat
	for rows.Next() {
		b, err := scanBooking(rows)
		if err != nil {
			return r.differ("a row in bookings is unreadable: %v", err)
		}
		want := r.bookings[b.ID]
		if want == nil {
			return r.differ("bookings has %s, which the ledger does not know", b.ID)
		}
		if err := r.compareBooking(b, want); err != nil {
			return err
		}
		if b.Status == message.Pending || b.Status == message.Booked {
			for _, seat := range b.Seats {
				if other := live[seat]; other != "" {
					return r.differ("bookings %s and %s both name seat %d", other, b.ID, seat)
				}
				live[seat] = b.ID
			}
		}
		seen++
		sum.Bookings++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if seen != len(r.bookings) {
		return r.differ("bookings has %d rows, but the ledger knows %d bookings", seen, len(r.bookings))
	}
	return nil
}

func (r *replay) compareBooking(b *record, want *told) error {
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
	case b.Amount != want.Amount:
		return field("amount", b.Amount, want.Amount)
	case b.Currency != want.Currency:
		return field("currency", b.Currency, want.Currency)
	case b.Extended != want.Extended:
		return field("extended", b.Extended, want.Extended)
	case b.PlanID != want.PlanID || b.PlanVersion != want.PlanVersion:
		return field("plan", fmt.Sprintf("%s version %d", b.PlanID, b.PlanVersion), fmt.Sprintf("%s version %d", want.PlanID, want.PlanVersion))
	case b.PriceVersion != message.FreeOfCharge && !slices.Contains(want.prices, b.PriceVersion):
		return field("price_version", b.PriceVersion, want.prices)
	case b.ReleasedAt != 0 && b.ReleasedAt != want.ReleasedAt:
		return field("released_at", b.ReleasedAt, want.ReleasedAt)
	case b.Seq != want.Seq:
		return field("seq", b.Seq, want.Seq)
	case (b.PaymentID != "") != (want.Status == message.Booked || b.PaymentID != "" && want.Status == message.BookingCancelled):
		return field("payment_id", fmt.Sprintf("%q", b.PaymentID), "otherwise for a booking that is "+string(want.Status))
	}
	return nil
}

// AppendExport appends an entry as one line of NDJSON: its RFC 8785 form with
// one more member, "hash", at its place in the order of keys, in hex.
func AppendExport(b []byte, e *message.Entry) []byte {
	line := e.AppendCanonical(nil)
	at := bytes.Index(line, []byte(`,"kind":`)) // event_id < hash < kind
	b = append(b, line[:at]...)
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, e.Hash[:])
	b = append(b, '"')
	b = append(b, line[at:]...)
	return append(b, '\n')
}

// Export writes an event's ledger as NDJSON, one entry a line, from the first
// on. To check a line, take "hash" out of it, put the 32 bytes of the line
// before (zeros before the first) in front of the rest, and compute SHA-256.
func Export(ctx context.Context, db *sqldb.DB, eventID string, w io.Writer) error {
	const page = 2000
	var after int64
	for {
		entries, err := readEntries(ctx, db, eventID, after, page)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if after == 0 && len(entries) == 0 {
			return fmt.Errorf("export: there is no event %q", eventID)
		}
		var out []byte
		for i := range entries {
			out = AppendExport(out, &entries[i])
		}
		if _, err := w.Write(out); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if len(entries) < page {
			return nil
		}
		after = entries[len(entries)-1].Seq
	}
}
