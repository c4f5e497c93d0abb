package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
)

// Log reads what was sent. It needs no Service.
type Log struct {
	db  *sqldb.DB
	ids messageIDs
}

// OpenLog opens the log, after bringing the tables up to date.
func OpenLog(ctx context.Context, db *sqldb.DB) (*Log, error) {
	if err := db.Migrate(ctx, "notify", migrations); err != nil {
		return nil, err
	}
	ids, err := openMessageIDs(ctx, db)
	return &Log{db, ids}, err
}

const (
	// By notices_by_booking.
	sqlLog = `SELECT id, kind, recipient, channel, state, answer, tries, created_at, next_at, done_at FROM notices
		WHERE booking_id = $1 AND booking_id <> '' ORDER BY created_at DESC, id LIMIT $2`

	// By notices_by_booking.
	sqlShown   = `SELECT booking_id, kind, recipient, mailing_id, state, created_at FROM notices WHERE booking_id `
	sqlShowing = ` AND booking_id <> '' AND created_at > $2 AND state IN ('queued', 'sent', 'delivered')
		AND kind IN ('booked', 'gift', 'refunded', 'paid-too-late', 'event-moved', 'reminder', 'announcement') ORDER BY created_at, id`

	// By notices_by_booking. The claim stays: a mail that is being sent at this moment is
	// recorded as sent.
	sqlStopTickets = `UPDATE notices SET state = 'stopped', data = '', done_at = $1 WHERE booking_id = $2 AND booking_id <> '' AND state = 'queued' AND channel = '' AND recipient <> $3
		AND kind IN ('booked', 'gift')`
	sqlOthers = `SELECT id, data FROM notices WHERE booking_id = $1 AND booking_id <> '' AND state = 'queued' AND channel = '' AND recipient <> $2 /*postgres: FOR UPDATE*/`

	// By primary key. The claim ends: what a node sends to the old address at this moment
	// goes to the new one, too.
	sqlRedirect = `UPDATE notices SET recipient = $1, data = $2, claim = '', next_at = $3 WHERE id = $4`
)

// Tickets of an order that are mailed again: see Reserve.
const (
	// By primary key.
	sqlAgainOld  = `DELETE FROM notices_again WHERE booking_id = $1 AND at <= $2`
	sqlAgainSeen = `UPDATE notices_again SET at = at - 1 WHERE booking_id = $1 AND request = $2`
	sqlAgainNot  = `DELETE FROM notices_again WHERE booking_id = $1 AND request = $2 AND at = $3`
	sqlAgain     = `INSERT INTO notices_again (booking_id, request, at) VALUES ($1, $2, $3)`

	// By primary key, and by notices_by_booking. The one that makes room for another: the
	// oldest of the last N. Mails before the first of those that are noted count, too.
	sqlAgainRoom = `SELECT at FROM (SELECT at FROM notices_again WHERE booking_id = $1
			UNION ALL SELECT created_at FROM notices WHERE booking_id = $1 AND booking_id <> '' AND kind IN ('booked', 'gift') AND channel = '' AND created_at > $2
				AND NOT EXISTS (SELECT 1 FROM notices_again WHERE booking_id = $1 AND at <= created_at)) AS times
		ORDER BY at DESC LIMIT 1 OFFSET $3`
)

// Reserve notes that the tickets of an order are about to be mailed again, or to another
// address, unless they were mailed most times within a day: then it returns when they can
// be. A request that was noted already counts once; first reports that it was not.
func (l *Log) Reserve(ctx context.Context, bookingID, request string, most int, now time.Time) (first bool, free time.Time, err error) {
	err = l.db.Write(ctx, func(tx *sql.Tx) error {
		first, free = false, time.Time{}
		if err := l.db.Lock(ctx, tx, "tickets again/"+bookingID); err != nil {
			return err
		}
		day := micros(now.Add(-24 * time.Hour))
		if _, err := tx.ExecContext(ctx, sqlAgainOld, bookingID, day); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, sqlAgainSeen, bookingID, request) // see Release
		if err != nil {
			return err
		}
		if seen, err := res.RowsAffected(); err != nil || seen > 0 {
			return err
		}
		var at int64
		err = tx.QueryRowContext(ctx, sqlAgainRoom, bookingID, day, most-1).Scan(&at)
		if err == nil {
			free = time.UnixMicro(at).Add(24 * time.Hour)
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, sqlAgain, bookingID, request, micros(now))
		first = err == nil
		return err
	})
	if err != nil {
		return false, free, fmt.Errorf("tickets that are mailed again: %w", err)
	}
	return first, free, nil
}

// Of returns what was told about an order, newest first, at most limit lines.
func (l *Log) Of(ctx context.Context, bookingID string, limit int) ([]notifyapi.Line, error) {
	rows, err := l.db.Reader().QueryContext(ctx, sqlLog, bookingID, limit)
	if err != nil {
		return nil, fmt.Errorf("log of an order: %w", err)
	}
	defer rows.Close()
	var list []notifyapi.Line
	for rows.Next() {
		var n notifyapi.Line
		var created, next, done int64
		var channel string
		if err := rows.Scan(&n.ID, &n.Kind, &n.To, &channel, &n.State, &n.Answer, &n.Tries, &created, &next, &done); err != nil {
			return nil, fmt.Errorf("log of an order: %w", err)
		}
		if n.Text = channel == byText; n.Text {
			shown := numberEnds(n.To)
			n.Answer, n.To = strings.ReplaceAll(n.Answer, n.To, shown), shown
		}
		n.CreatedAt = time.UnixMicro(created)
		if n.State == notifyapi.StateQueued {
			n.NextAt = time.UnixMicro(next)
		} else {
			n.DoneAt = time.UnixMicro(done)
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// Shown returns what letters about some orders have shown of their event since a time, or
// will show, by booking id, the oldest first. Letters that nobody gets are left out.
func (l *Log) Shown(ctx context.Context, bookingIDs []string, since time.Time) (map[string][]notifyapi.Shown, error) {
	out, err := l.shown(ctx, bookingIDs, since)
	if err != nil {
		return nil, fmt.Errorf("letters about orders: %w", err)
	}
	return out, nil
}

func (l *Log) shown(ctx context.Context, bookingIDs []string, since time.Time) (map[string][]notifyapi.Shown, error) {
	among, arg, err := l.db.Among(bookingIDs)
	if err != nil {
		return nil, err
	}
	rows, err := l.db.Reader().QueryContext(ctx, sqlShown+among+sqlShowing, arg, micros(since))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type letter struct {
		notifyapi.Shown
		booking, mailing string
	}
	var list []letter
	for rows.Next() {
		var one letter
		var state notifyapi.State
		var created int64
		if err := rows.Scan(&one.booking, &one.Kind, &one.To, &one.mailing, &state, &created); err != nil {
			return nil, err
		}
		one.At, one.Sent = time.UnixMicro(created), state != notifyapi.StateQueued
		list = append(list, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	events := map[string]*notifyapi.Event{"": nil} // by mailing
	out := make(map[string][]notifyapi.Shown, len(bookingIDs))
	for i := range list {
		one := &list[i]
		if _, read := events[one.mailing]; !read {
			found, err := store{l.db}.mailings(ctx, sqlMailing, one.mailing)
			if err != nil {
				return nil, err
			}
			events[one.mailing] = nil
			if len(found) > 0 {
				events[one.mailing] = found[0].Data.Event
			}
		}
		one.Event = events[one.mailing]
		out[one.booking] = append(out[one.booking], one.Shown)
	}
	return out, nil
}

// numberEnds is a number as organizers see it: enough to recognize it, not to call it.
func numberEnds(number string) string {
	if len(number) < 8 {
		return number
	}
	return number[:3] + "…" + number[len(number)-3:]
}

// Release takes back what the first request noted at a time, if it mailed nothing. The note
// stays if the same request was made once more since, which may have mailed something.
func (l *Log) Release(ctx context.Context, bookingID, request string, at time.Time) error {
	return store{l.db}.exec(ctx, sqlAgainNot, bookingID, request, micros(at))
}

// Redirect has what waits to be told about an order told to another address, with the
// order's new link. Its tickets are not: they are mailed anew. to says which address and
// link these are; if it is corrected twice, the last one that asks gets the newest. Nothing
// is done if there is no address.
func (l *Log) Redirect(ctx context.Context, bookingID string, now time.Time, to func(ctx context.Context) (address, link string, err error)) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		if err := l.db.Lock(ctx, tx, "redirected/"+bookingID); err != nil {
			return err
		}
		address, link, err := to(ctx)
		if err != nil || address == "" {
			return err
		}
		if as, err := mail.Recipient(address); err == nil { // as it is stored
			address = as
		}
		if _, err := tx.ExecContext(ctx, sqlStopTickets, micros(now), bookingID, address); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, l.db.Text(sqlOthers), bookingID, address)
		if err != nil {
			return err
		}
		defer rows.Close()
		waiting := map[string]string{}
		for rows.Next() {
			var id, data string
			if err := rows.Scan(&id, &data); err != nil {
				return err
			}
			waiting[id] = data
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for id, data := range waiting {
			if _, err := tx.ExecContext(ctx, sqlRedirect, address, relinked(data, bookingID, link), micros(now), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redirect notices: %w", err)
	}
	return nil
}

// relinked returns what is stored of a notice with the new link to the page of its order.
func relinked(data, bookingID, link string) string {
	var c content
	if codec.ReadKnown([]byte(data), &c) != nil { // it cannot be sent, either
		return data
	}
	page := "/orders/" + bookingID
	site, _, old := strings.Cut(c.Data.Link, page)
	_, token, ok := strings.Cut(link, page)
	if !old || !ok { // a link to another page
		return data
	}
	c.Data.Link = site + page + token
	raw, err := codec.Marshal(c)
	if err != nil {
		return data
	}
	return string(raw)
}
