package wallet

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/walletapi"
)

const (
	// By the primary keys.
	sqlPass     = `SELECT digest, changed_at FROM wallet_passes WHERE event_id = $1 AND serial = $2`
	sqlCurrent  = `SELECT seat, issue, changed_at FROM wallet_passes WHERE event_id = $1 AND serial = $2`
	sqlAdd      = `INSERT INTO wallet_passes (event_id, serial, booking_id, seat, issue, digest, changed_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	sqlTouch    = `UPDATE wallet_passes SET changed_at = $1 WHERE event_id = $2 AND serial = $3`
	sqlMove     = `UPDATE wallet_passes SET seat = $1, issue = 0 WHERE event_id = $2 AND serial = $3`
	sqlDueEvent = `UPDATE wallet_passes SET due_at = $1 WHERE event_id = $2`
	sqlChecked  = `UPDATE wallet_passes SET due_at = 0 WHERE event_id = $1 AND serial = $2 AND due_at = $3`
	sqlPostpone = `UPDATE wallet_passes SET due_at = $1 WHERE event_id = $2 AND serial = $3 AND due_at = $4`
	sqlChanged  = `UPDATE wallet_passes SET digest = $1, changed_at = $2 WHERE event_id = $3 AND serial = $4`

	sqlDevice      = `INSERT INTO wallet_devices (id, push_token, push_at, tries) VALUES ($1, $2, 0, 0) ON CONFLICT (id) DO UPDATE SET push_token = excluded.push_token`
	sqlRegister    = `INSERT INTO wallet_registrations (device_id, serial, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlUnregister  = `DELETE FROM wallet_registrations WHERE device_id = $1 AND serial = $2`
	sqlForgetPush  = `DELETE FROM wallet_registrations WHERE device_id = $1`
	sqlForget      = `DELETE FROM wallet_devices WHERE id = $1`
	sqlForgetEmpty = `DELETE FROM wallet_devices WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM wallet_registrations r WHERE r.device_id = wallet_devices.id)`
	sqlPushOne     = `UPDATE wallet_devices SET push_at = $1, tries = 0 WHERE id = $2`
	sqlPushed      = `UPDATE wallet_devices SET push_at = $1, tries = $2 WHERE id = $3 AND push_at = $4`
	sqlOfDevice    = `SELECT p.serial, p.changed_at FROM wallet_registrations r JOIN wallet_passes p ON p.event_id = substr(r.serial, 1, 16) AND p.serial = r.serial
		WHERE r.device_id = $1 AND p.changed_at > $2`

	sqlEvents   = `SELECT event_id, seq, rev FROM wallet_events`
	sqlFollow   = `INSERT INTO wallet_events (event_id, seq, rev) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING`
	sqlSeen     = `UPDATE wallet_events SET seq = $1 WHERE event_id = $2 AND seq < $1`
	sqlRev      = `UPDATE wallet_events SET rev = $1 WHERE event_id = $2 AND rev < $1`
	sqlUnfollow = `DELETE FROM wallet_events WHERE event_id = $1`

	// By wallet_passes_by_booking.
	sqlOfBooking  = `SELECT serial, seat FROM wallet_passes WHERE event_id = $1 AND booking_id = $2 ORDER BY serial`
	sqlDueBooking = `UPDATE wallet_passes SET due_at = $1 WHERE event_id = $2 AND booking_id = $3`
	sqlBySeat     = `SELECT serial FROM wallet_passes WHERE event_id = $1 AND booking_id = $2 AND seat = $3 AND issue = $4 ORDER BY serial LIMIT 1`

	// By wallet_passes_due and wallet_devices_due.
	sqlDue    = `SELECT event_id, serial, booking_id, seat, issue, digest, changed_at, due_at FROM wallet_passes WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT $2`
	sqlPushes = `SELECT id, push_token, push_at, tries FROM wallet_devices WHERE push_at > 0 AND push_at <= $1 ORDER BY push_at LIMIT $2`

	// By wallet_registrations_by_pass. Serial numbers begin with their event's id.
	sqlPush    = `UPDATE wallet_devices SET push_at = $1, tries = 0 WHERE id IN (SELECT device_id FROM wallet_registrations WHERE serial = $2)`
	sqlSurplus = `SELECT device_id FROM wallet_registrations WHERE serial = $1 ORDER BY at DESC, device_id LIMIT 1000 OFFSET $2`
	sqlDevices = `SELECT DISTINCT device_id FROM wallet_registrations WHERE serial >= $1 AND serial < $2`
	sqlEndRegs = `DELETE FROM wallet_registrations WHERE serial >= $1 AND serial < $2`
	sqlEndPass = `DELETE FROM wallet_passes WHERE event_id = $1`
)

// mostDevices is how many devices may have one pass. The oldest give way.
const mostDevices = 50

// store reads and writes the tables.
type store struct{ db *sqldb.DB }

func newStore(db *sqldb.DB) store { return store{db} }

// pass is a row of wallet_passes.
type pass struct {
	eventID, serial, bookingID string
	seat                       int32
	issue                      uint16 // of the seat's ticket
	digest                     string
	changedAt, dueAt           int64 // µs
}

// none is the seat of a pass that is for none any more.
const none = -1

// lock makes changes of an event's passes wait for each other.
func (s store) lock(ctx context.Context, tx *sql.Tx, eventID string) error {
	return s.db.Lock(ctx, tx, "wallet/"+eventID)
}

// after is the time of a change that follows another one: it has a second of its own, since
// devices ask for changes by the second (If-Modified-Since).
func after(before int64, now time.Time) int64 {
	return max(now.UnixMicro(), before+time.Second.Microseconds())
}

// registration is what a device says, and what is known about the pass.
type registration struct {
	deviceID, pushToken string
	serial, bookingID   string
	seat                int32
	issue               uint16
	digest              string           // what the device's pass says
	seats               []walletapi.Seat // that the booking has
	head                int64            // of the event's ledger, read before the booking
	now                 time.Time
}

// register records that a device has a pass; made is false if that is known. A device whose
// pass is not the current one is told so.
func (s store) register(ctx context.Context, r registration) (made bool, err error) {
	eventID, now := id.Event(r.bookingID), r.now.UnixMicro()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, eventID); err != nil {
			return err
		}
		known, err := passesOf(ctx, tx, eventID, r.bookingID)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			for _, s := range r.seats {
				if s.Ordinal == r.seat {
					continue
				}
				if _, err := tx.ExecContext(ctx, sqlAdd, eventID, serialFor(r.bookingID, s.Ordinal, s.Issue), r.bookingID, s.Ordinal, s.Issue, "", now, 0); err != nil {
					return err
				}
			}
		}
		seat := r.seat
		if !slices.ContainsFunc(r.seats, func(s walletapi.Seat) bool { return s.Ordinal == r.seat && s.Issue == r.issue }) {
			seat = none
		}
		for _, do := range [][]any{
			{sqlFollow, eventID, r.head},
			{sqlAdd, eventID, r.serial, r.bookingID, seat, r.issue, r.digest, now, now},
			{sqlDevice, r.deviceID, r.pushToken},
		} {
			if _, err := tx.ExecContext(ctx, do[0].(string), do[1:]...); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, sqlRegister, r.deviceID, r.serial, now)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if made = n > 0; err != nil {
			return err
		}
		return s.catchUp(ctx, tx, eventID, r)
	})
	if err != nil {
		return false, fmt.Errorf("register pass: %w", err)
	}
	return made, nil
}

// catchUp has a device told if its pass is not the current one, and makes room for it.
func (s store) catchUp(ctx context.Context, tx *sql.Tx, eventID string, r registration) error {
	var digest string
	var changed int64
	if err := tx.QueryRowContext(ctx, sqlPass, eventID, r.serial).Scan(&digest, &changed); err != nil {
		return err
	}
	if digest != r.digest {
		changed = after(changed, r.now)
		if _, err := tx.ExecContext(ctx, sqlTouch, changed, eventID, r.serial); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sqlPushOne, r.now.UnixMicro(), r.deviceID); err != nil {
			return err
		}
	}
	surplus, err := sqldb.Texts(ctx, tx, sqlSurplus, r.serial, mostDevices)
	for _, device := range surplus {
		if err == nil {
			err = unregister(ctx, tx, device, r.serial)
		}
	}
	return err
}

// unregister records that a device has a pass no longer.
func (s store) unregister(ctx context.Context, deviceID, serial string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return unregister(ctx, tx, deviceID, serial) })
}

func unregister(ctx context.Context, tx *sql.Tx, deviceID, serial string) error {
	if _, err := tx.ExecContext(ctx, sqlUnregister, deviceID, serial); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, sqlForgetEmpty, deviceID)
	return err
}

// changedSince returns the passes of a device that have changed after a time, and the time
// of the last change.
func (s store) changedSince(ctx context.Context, deviceID string, since int64) (serials []string, last int64, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlOfDevice, deviceID, since)
	if err != nil {
		return nil, 0, fmt.Errorf("changed passes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var serial string
		var at int64
		if err := rows.Scan(&serial, &at); err != nil {
			return nil, 0, fmt.Errorf("changed passes: %w", err)
		}
		serials, last = append(serials, serial), max(last, at)
	}
	slices.Sort(serials)
	return serials, last, rows.Err()
}

// current returns the seat and issue that a pass is for, and when it has changed; found is
// false if nobody has registered it or another pass of its booking.
func (s store) current(ctx context.Context, bookingID, serial string) (p pass, found bool, err error) {
	err = s.db.Reader().QueryRowContext(ctx, sqlCurrent, id.Event(bookingID), serial).Scan(&p.seat, &p.issue, &p.changedAt)
	if err == sql.ErrNoRows { //nolint:errorlint // as Scan returns it
		return pass{}, false, nil
	}
	return p, err == nil, err
}

// serialOf returns the serial number of the pass for a seat of a booking; "": there is none
// that a device knows.
func (s store) serialOf(ctx context.Context, bookingID string, seat int32, issue uint16) (string, error) {
	list, err := sqldb.Texts(ctx, s.db.Reader(), sqlBySeat, id.Event(bookingID), bookingID, seat, issue)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// followed is how far an event was read.
type followed struct{ seq, rev int64 }

// events returns the events that have passes.
func (s store) events(ctx context.Context) (map[string]followed, error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlEvents)
	if err != nil {
		return nil, fmt.Errorf("events with passes: %w", err)
	}
	defer rows.Close()
	list := map[string]followed{}
	for rows.Next() {
		var eventID string
		var f followed
		if err := rows.Scan(&eventID, &f.seq, &f.rev); err != nil {
			return nil, fmt.Errorf("events with passes: %w", err)
		}
		list[eventID] = f
	}
	return list, rows.Err()
}

// apply follows entries of an event's ledger up to seq: passes follow their seats, and are
// due to be compared with their tickets.
func (s store) apply(ctx context.Context, eventID string, entries []ledger.Entry, seq int64, now time.Time) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, eventID); err != nil {
			return err
		}
		for i := range entries {
			if err := applyEntry(ctx, tx, &entries[i], now); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, sqlSeen, seq, eventID)
		return err
	})
	if err != nil {
		return fmt.Errorf("passes of event %s: %w", eventID, err)
	}
	return nil
}

func applyEntry(ctx context.Context, tx *sql.Tx, e *ledger.Entry, now time.Time) error {
	passes, err := passesOf(ctx, tx, e.EventID, e.BookingID)
	if err != nil || len(passes) == 0 {
		return err
	}
	for _, p := range moved(passes, e) {
		if _, err := tx.ExecContext(ctx, sqlMove, p.seat, e.EventID, p.serial); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, sqlDueBooking, now.UnixMicro(), e.EventID, e.BookingID)
	return err
}

// moved returns the passes that are for another seat after an entry, or for none. Of a
// booking that was moved, the passes for seats that it has no longer are for those that it
// has now, in the order of the plan.
func moved(passes []pass, e *ledger.Entry) (out []pass) {
	if e.Kind == ledger.Cancelled {
		for _, p := range passes {
			if slices.Contains(e.Seats, p.seat) {
				p.seat = none
				out = append(out, p)
			}
		}
		return out
	}
	var gained []int32
	for _, seat := range e.Seats {
		if !slices.ContainsFunc(passes, func(p pass) bool { return p.seat == seat }) {
			gained = append(gained, seat)
		}
	}
	slices.Sort(gained)
	passes = slices.Clone(passes)
	slices.SortStableFunc(passes, func(a, b pass) int { return int(a.seat) - int(b.seat) })
	for _, p := range passes {
		if p.seat == none || slices.Contains(e.Seats, p.seat) {
			continue
		}
		if p.seat = none; len(gained) > 0 {
			p.seat, gained = gained[0], gained[1:]
		}
		out = append(out, p)
	}
	return out
}

func passesOf(ctx context.Context, tx *sql.Tx, eventID, bookingID string) (list []pass, err error) {
	rows, err := tx.QueryContext(ctx, sqlOfBooking, eventID, bookingID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		p := pass{eventID: eventID, bookingID: bookingID}
		if err := rows.Scan(&p.serial, &p.seat); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// dueEvents says in a transaction that all passes of some events are due.
func dueEvents(ctx context.Context, tx *sql.Tx, eventIDs []string, now time.Time) error {
	for _, eventID := range eventIDs {
		if _, err := tx.ExecContext(ctx, sqlDueEvent, now.UnixMicro(), eventID); err != nil {
			return err
		}
	}
	return nil
}

// dueBookings says in a transaction that the passes of some bookings are due.
func dueBookings(ctx context.Context, tx *sql.Tx, bookingIDs []string, now time.Time) error {
	for _, bookingID := range bookingIDs {
		if _, err := tx.ExecContext(ctx, sqlDueBooking, now.UnixMicro(), id.Event(bookingID), bookingID); err != nil {
			return err
		}
	}
	return nil
}

// reissued says that the passes of some bookings are due, since their tickets were replaced
// up to a revision.
func (s store) reissued(ctx context.Context, eventID string, bookingIDs []string, last int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := dueBookings(ctx, tx, bookingIDs, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, sqlRev, last, eventID)
		return err
	})
}

// due returns some passes that are to be compared with their tickets.
func (s store) due(ctx context.Context, now time.Time, limit int) (list []pass, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlDue, now.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("due passes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p pass
		if err := rows.Scan(&p.eventID, &p.serial, &p.bookingID, &p.seat, &p.issue, &p.digest, &p.changedAt, &p.dueAt); err != nil {
			return nil, fmt.Errorf("due passes: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// postpone says that passes are due later, unless they have become due again.
func (s store) postpone(ctx context.Context, list []pass, at time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, p := range list {
			if _, err := tx.ExecContext(ctx, sqlPostpone, at.UnixMicro(), p.eventID, p.serial, p.dueAt); err != nil {
				return err
			}
		}
		return nil
	})
}

// checked records what passes say now, by their digests, and has the devices told of those
// that say something else. A pass that has become due again stays due; one whose ticket was
// replaced is for no seat any more, whatever becomes of its booking.
func (s store) checked(ctx context.Context, list []pass, digests []string, replaced []bool, now time.Time) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for i, p := range list {
			if _, err := tx.ExecContext(ctx, sqlChecked, p.eventID, p.serial, p.dueAt); err != nil {
				return err
			}
			if replaced[i] {
				if _, err := tx.ExecContext(ctx, sqlMove, none, p.eventID, p.serial); err != nil {
					return err
				}
			}
			if digests[i] == p.digest {
				continue
			}
			if _, err := tx.ExecContext(ctx, sqlChanged, digests[i], after(p.changedAt, now), p.eventID, p.serial); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, sqlPush, now.UnixMicro(), p.serial); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("changed passes: %w", err)
	}
	return nil
}

// device is a device to be told that a pass has changed.
type device struct {
	id, token     string
	pushAt, tries int64
}

// pushes returns some devices that are to be told.
func (s store) pushes(ctx context.Context, now time.Time, limit int) (list []device, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlPushes, now.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("devices to be told: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d device
		if err := rows.Scan(&d.id, &d.token, &d.pushAt, &d.tries); err != nil {
			return nil, fmt.Errorf("devices to be told: %w", err)
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// pushed records an attempt to tell a device; at is when to try again, 0: never.
func (s store) pushed(ctx context.Context, d device, at, tries int64) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlPushed, at, tries, d.id, d.pushAt)
		return err
	})
}

// gone forgets a device.
func (s store) gone(ctx context.Context, deviceID string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, sqlForgetPush, deviceID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, sqlForget, deviceID)
		return err
	})
}

// forget forgets the passes of an event.
func (s store) forget(ctx context.Context, eventID string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		devices, err := sqldb.Texts(ctx, tx, sqlDevices, eventID, eventID+"~")
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sqlEndRegs, eventID, eventID+"~"); err != nil {
			return err
		}
		for _, text := range []string{sqlEndPass, sqlUnfollow} {
			if _, err := tx.ExecContext(ctx, text, eventID); err != nil {
				return err
			}
		}
		for _, device := range devices {
			if _, err := tx.ExecContext(ctx, sqlForgetEmpty, device); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget passes: %w", err)
	}
	return nil
}
