package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/notifyapi"
)

const mailingColumns = `id, kind, event_id, data, made_until, until_at, per_address, state, complete, pass_at, after_id, total, created_at, ended_at`

const (
	sqlStart = `INSERT INTO mailings (` + mailingColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', FALSE, $8, '', 0, $9, 0) ON CONFLICT (id) DO NOTHING`

	// By primary key, and by mailings_by_event. What is queued is stopped afterwards, in
	// small steps: ended_at is 0 until then. One that is done stays so; those who were still
	// paying are told no more.
	sqlStop = `UPDATE mailings SET pass_at = 0, state = CASE WHEN ended_at = 0 THEN 'stopped' ELSE state END
		WHERE (ended_at = 0 OR pass_at <> 0) AND state <> 'stopped'`
	sqlStop1 = sqlStop + ` AND id = $1`
	sqlStopN = sqlStop + ` AND event_id = $1 AND kind = $2 AND id <> $3`

	sqlMailing    = `SELECT ` + mailingColumns + ` FROM mailings WHERE id = $1`                                                      // primary key
	sqlMailingsOf = `SELECT ` + mailingColumns + ` FROM mailings WHERE event_id = $1 ORDER BY created_at DESC, id`                   // mailings_by_event
	sqlPassing    = `SELECT ` + mailingColumns + ` FROM mailings WHERE pass_at <> 0 AND pass_at <= $1 ORDER BY id`                   // mailings_due
	sqlCommon     = `SELECT data FROM mailings WHERE id = $1`                                                                        // primary key
	sqlCounts     = `SELECT state, count(*) FROM notices WHERE mailing_id = $1 AND mailing_id <> '' AND channel = '' GROUP BY state` // notices_by_mailing

	// Those that were stopped, while something of them may be queued, by mailings_ended.
	sqlStopping = `SELECT ` + mailingColumns + ` FROM mailings WHERE ended_at = 0 AND state = 'stopped' ORDER BY id`

	// Those that can be ended, by mailings_ended and notices_by_mailing. Text messages that are
	// too late are waited for no longer: perhaps no node sends any more.
	sqlOpen = `SELECT ` + mailingColumns + ` FROM mailings WHERE ended_at = 0 AND (state = 'stopped' OR complete
		AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.mailing_id = mailings.id AND n.mailing_id <> '' AND n.state = 'queued' AND (n.channel = '' OR n.until_at > $1))) ORDER BY mailings.id`

	// By primary key. The row is as it was read: no other node has written the same page,
	// and nobody has stopped the mailing.
	sqlPage = `UPDATE mailings SET after_id = $1, pass_at = $2, complete = complete OR $3, total = total + $4,
			state = CASE WHEN $4 > 0 THEN 'running' ELSE state END, ended_at = CASE WHEN $4 > 0 THEN 0 ELSE ended_at END
		WHERE id = $5 AND after_id = $6 AND pass_at = $7 AND state <> 'stopped'`

	// By notices_by_mailing. A notice that a node is about to send stays; the node sends
	// it, or gives it back.
	sqlStopNotices = `UPDATE notices SET state = 'stopped', data = '', claim = '', done_at = $1 WHERE id IN (
		SELECT id FROM notices WHERE mailing_id = $2 AND mailing_id <> '' AND state = 'queued' AND (claim = '' OR next_at <= $1) LIMIT $3 /*postgres: FOR UPDATE SKIP LOCKED*/)`

	// By primary key and notices_by_mailing. One that was stopped when all was sent is done.
	sqlEnd = `UPDATE mailings SET ended_at = $1, state = CASE WHEN state = 'running' OR complete AND NOT EXISTS (
			SELECT 1 FROM notices WHERE mailing_id = $2 AND mailing_id <> '' AND state = 'stopped') THEN 'done' ELSE state END
		WHERE id = $2 AND ended_at = 0 AND (complete OR state = 'stopped')
		AND NOT EXISTS (SELECT 1 FROM notices WHERE mailing_id = $2 AND mailing_id <> '' AND state = 'queued' AND (channel = '' OR until_at > $1))`

	sqlForgetMailings = `DELETE FROM mailings WHERE ended_at > 0 AND ended_at < $1 AND pass_at = 0` // mailings_ended
)

// mailing is a mailing in the database.
type mailing struct {
	notifyapi.Progress
	common string    // Data as JSON
	after  string    // the last booking that was looked at
	passAt time.Time // zero: there are no more pages
}

// startMailing stores a mailing that is new.
func (s store) startMailing(ctx context.Context, tx *sql.Tx, m *notifyapi.Mailing, now time.Time) error {
	raw, err := codec.Marshal(m.Data)
	if err != nil {
		return fmt.Errorf("mailing %s: %w", m.ID, err)
	}
	until := m.MadeUntil
	if until.IsZero() || until.After(now) {
		until = now
	}
	begins := now
	if m.Begins.After(now) {
		begins = m.Begins
	}
	res, err := tx.ExecContext(ctx, sqlStart, m.ID, string(m.Kind), m.EventID, string(raw), micros(until), micros(m.Until), m.PerAddress, micros(begins), micros(now))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	for _, kind := range m.Replaces {
		if _, err := tx.ExecContext(ctx, sqlStopN, m.EventID, string(kind), m.ID); err != nil {
			return err
		}
	}
	return nil
}

// mailings reads mailings; query is one of those above.
func (s store) mailings(ctx context.Context, query string, args ...any) (list []mailing, err error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m mailing
		var madeUntil, until, passAt, created, ended int64
		if err := rows.Scan(&m.ID, &m.Kind, &m.EventID, &m.common, &madeUntil, &until, &m.PerAddress, &m.State, &m.Complete, &passAt, &m.after, &m.Total, &created, &ended); err != nil {
			return nil, err
		}
		if err := codec.ReadKnown([]byte(m.common), &m.Data); err != nil {
			return nil, fmt.Errorf("mailing %s: %w", m.ID, err)
		}
		m.MadeUntil, m.Until, m.passAt, m.Created, m.Ended = timeOf(madeUntil), timeOf(until), timeOf(passAt), timeOf(created), timeOf(ended)
		if m.after == "" && !m.Complete && passAt > created {
			m.Begins = m.passAt
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// counts counts the notices of a mailing by state.
func (s store) counts(ctx context.Context, id string) (map[string]int64, error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlCounts, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		counts[state] = n
	}
	return counts, rows.Err()
}

// errPassed says that another node has written a page, or that the mailing was stopped.
var errPassed = errors.New("notify: the mailing has gone on")

// page writes a page's notices and where the next page begins.
func (s store) page(ctx context.Context, m *mailing, rows []row, after string, next time.Time, complete bool) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		added, err := s.insert(ctx, tx, rows)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, sqlPage, after, micros(next), complete, added, m.ID, m.after, micros(m.passAt))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errPassed)
		}
		return nil
	})
}

// stopNotices stops some notices of a mailing, and returns how many.
func (s store) stopNotices(ctx context.Context, id string, now time.Time, limit int) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, s.db.Text(sqlStopNotices), micros(now), id, limit)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return n, err
}

// endMailing ends a mailing whose notices are all sent, given up or stopped, and reports
// whether it did.
func (s store) endMailing(ctx context.Context, id string, now time.Time) (ended bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, sqlEnd, micros(now), id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ended = n == 1
		return err
	})
	return ended, err
}

func (s store) exec(ctx context.Context, text string, args ...any) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text, args...)
		return err
	})
}

// common reads what the notices of some mailings have in common, by mailing.
func common(ctx context.Context, tx *sql.Tx, list []row) (map[string]string, error) {
	out := map[string]string{}
	for i := range list {
		id := list[i].mailing
		if _, known := out[id]; id == "" || known {
			continue
		}
		var text string
		if err := tx.QueryRowContext(ctx, sqlCommon, id).Scan(&text); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		out[id] = text
	}
	return out, nil
}

// laidOver returns a person's data laid over what all have in common.
func laidOver(common string, own []byte) (d notifyapi.Data, err error) {
	if err = codec.ReadKnown([]byte(common), &d); err == nil {
		err = layOver(&d, func() error { return codec.ReadKnown(own, &d) })
	}
	d.Known = nil
	return d, err
}

// layOver has a person's data read over what all have in common. Their events are not
// mixed: what the person's lacks, such as an address, the event lacks.
func layOver(d *notifyapi.Data, read func() error) error {
	event, before := d.Event, d.Before
	d.Event, d.Before = nil, nil
	if err := read(); err != nil {
		return err
	}
	if d.Event == nil {
		d.Event = event
	}
	if d.Before == nil {
		d.Before = before
	}
	return nil
}

func timeOf(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMicro(at)
}
