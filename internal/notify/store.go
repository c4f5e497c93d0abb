package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
)

// States of a notice.
const (
	queued   = string(notifyapi.StateQueued)
	sent     = string(notifyapi.StateSent)
	failed   = string(notifyapi.StateFailed)
	bounced  = string(notifyapi.StateBounced)
	stopped  = string(notifyapi.StateStopped)
	unwanted = string(notifyapi.StateUnwanted)
)

// row is a notice in the database.
type row struct {
	notice               notifyapi.Notice
	state, answer, claim string
	channel              string // byText; '': a mail
	beside               string // of a new text message: the id of the mail that says the same
	urgency              int
	tries                int64
	created, until, next time.Time
	done                 time.Time       // zero: not yet
	unreadable           bool            // nothing is known of the notice but its id
	mailing              string          // its id; "": of none
	own                  *notifyapi.Data // what is stored of a mailing's notice: the mailing has the rest
	text                 string          // column data, as it was read
}

// content is what column data keeps of a notice.
type content struct {
	Name string         `json:"name,omitempty"`
	Lang string         `json:"lang,omitempty"`
	Data notifyapi.Data `json:"data"`

	After string `json:"after,omitempty"`
}

// store reads and writes the table notices.
type store struct{ db *sqldb.DB }

const (
	sqlAdd = `INSERT INTO notices (id, kind, recipient, user_id, event_id, booking_id, state, urgency, data, created_at, until_at, next_at, tries, claim, answer, done_at, mailing_id, channel)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, '', $13, $14, $15, $16) ON CONFLICT (id) DO NOTHING`

	// By notices_due.
	sqlDue = `SELECT EXISTS (SELECT 1 FROM notices WHERE state = 'queued' AND urgency = $1 AND next_at <= $2)`

	// What is about to be stopped is not sent any more. By mailings' primary key.
	notStopped = ` AND NOT EXISTS (SELECT 1 FROM mailings m WHERE m.id = n.mailing_id AND m.state = 'stopped')`

	// The rows by notices_due, and each by its primary key. MATERIALIZED: PostgreSQL
	// must not run the part that locks rows more than once.
	sqlClaim = `WITH due AS MATERIALIZED (SELECT id AS due_id FROM notices n WHERE state = 'queued' AND urgency = $1 AND next_at <= $2` + notStopped + `
			ORDER BY next_at LIMIT $3 /*postgres: FOR UPDATE OF n SKIP LOCKED*/)
		UPDATE notices SET claim = $4, next_at = $5, tries = tries + 1 FROM due WHERE id = due_id
		RETURNING id, kind, recipient, user_id, event_id, booking_id, data, created_at, until_at, tries, answer, mailing_id`

	// The same for text messages. Those to a number of which another node has some are left
	// to later, since few a day may be sent to it (notices_texts). Text messages are claimed
	// by one node at a time.
	sqlClaimTexts = `WITH due AS MATERIALIZED (SELECT id AS due_id FROM notices n WHERE state = 'queued' AND urgency = $1 AND next_at <= $2` + notStopped + `
			AND NOT EXISTS (SELECT 1 FROM notices o WHERE o.recipient = n.recipient AND o.channel = 'sms' AND o.done_at = 0 AND o.state = 'queued' AND o.claim <> '' AND o.next_at > $2)
			ORDER BY next_at LIMIT $3 /*postgres: FOR UPDATE OF n SKIP LOCKED*/)
		UPDATE notices SET claim = $4, next_at = $5, tries = tries + 1 FROM due WHERE id = due_id
		RETURNING id, kind, recipient, user_id, event_id, booking_id, data, created_at, until_at, tries, answer, mailing_id`

	// By primary key. A claim that another node took over in the meantime is its own.
	sqlDone    = `UPDATE notices SET state = $1, answer = $2, done_at = $3, data = '', claim = '' WHERE id = $4 AND claim = $5`
	sqlLater   = `UPDATE notices SET answer = $1, next_at = $2, claim = '' WHERE id = $3 AND claim = $4`
	sqlRelease = `UPDATE notices SET next_at = $1, tries = tries - 1, claim = '' WHERE id = $2 AND claim = $3`

	// By notices_due: all rows of it, once. A text message may have been taken.
	sqlFree = `UPDATE notices SET claim = '', next_at = $1, tries = CASE WHEN channel = 'sms' THEN tries ELSE tries - 1 END WHERE state = 'queued' AND claim <> ''`

	// By notices_by_user. Answers of servers often contain the address.
	sqlForgetUser = `UPDATE notices SET recipient = '', data = '', answer = '', claim = '', state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END,
		done_at = CASE WHEN state = 'queued' THEN $1 ELSE done_at END WHERE user_id = $2 AND user_id <> ''`

	// By primary keys: whether a mailing has begun, whether it tells no more people, and
	// whether one of its notices waits.
	sqlToldBefore = `SELECT EXISTS (SELECT 1 FROM mailings WHERE id = $1), EXISTS (SELECT 1 FROM mailings WHERE id = $1 AND (complete OR state = 'stopped')),
		EXISTS (SELECT 1 FROM notices WHERE id = $2 AND state = 'queued')`

	// By notices_again_by_time.
	sqlForgetAgain = `DELETE FROM notices_again WHERE at <= $1`

	// By notices_done.
	sqlForget = `DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE state <> 'queued' AND done_at < $1 LIMIT $2)`
)

// insert stores notices without those whose ids are known, and returns how many mails were
// new. Text messages come after their mails, and only with those that are new: what was
// told is not told again because a start has come near or a number is known now.
func (s store) insert(ctx context.Context, tx *sql.Tx, rows []row) (added int64, err error) {
	known := map[string]bool{} // ids of mails
	for i := range rows {
		r, n := &rows[i], &rows[i].notice
		if known[r.beside] {
			continue
		}
		data := &n.Data
		if r.own != nil {
			data = r.own
		}
		raw, err := codec.Marshal(content{n.Name, n.Lang, *data, n.After})
		if err != nil {
			return 0, fmt.Errorf("notice %s: %w", n.ID, err)
		}
		if r.state != queued {
			raw = nil
		}
		res, err := tx.ExecContext(ctx, sqlAdd, n.ID, string(n.Kind), n.To, n.UserID, n.EventID, n.BookingID, r.state, r.urgency, string(raw),
			micros(r.created), micros(r.until), micros(r.next), r.answer, micros(r.done), r.mailing, r.channel)
		if err != nil {
			return 0, err
		}
		one, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		if r.channel == "" { // a mailing counts its mails
			added += one
			known[n.ID] = one == 0
		}
	}
	return added, nil
}

// due reports whether notices of an urgency are due.
func (s store) due(ctx context.Context, urgency int, now time.Time) (some bool, err error) {
	err = s.db.Reader().QueryRowContext(ctx, sqlDue, urgency, micros(now)).Scan(&some)
	return some, err
}

// claim takes notices that are due, at most limit; other nodes leave them alone until
// the claim ends.
func (s store) claim(ctx context.Context, urgency int, now, ends time.Time, limit int) (list []row, err error) {
	claim := id.Token()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		list = nil
		text := sqlClaim
		if urgency == textUrgency {
			text = sqlClaimTexts
			if err := s.db.Lock(ctx, tx, "claims of text messages"); err != nil {
				return err
			}
		}
		rows, err := tx.QueryContext(ctx, s.db.Text(text), urgency, micros(now), limit, claim, micros(ends))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r := row{state: queued, claim: claim, urgency: urgency, next: ends}
			if err := r.scan(rows); err != nil {
				return err
			}
			list = append(list, r)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		shared, err := common(ctx, tx, list)
		for i := range list {
			list[i].unreadable = list[i].read(shared) != nil // the others go on
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b row) int { return a.created.Compare(b.created) })
	return list, err
}

func (r *row) scan(rows *sql.Rows) error {
	n := &r.notice
	var created, until int64
	if err := rows.Scan(&n.ID, &n.Kind, &n.To, &n.UserID, &n.EventID, &n.BookingID, &r.text, &created, &until, &r.tries, &r.answer, &r.mailing); err != nil {
		return err
	}
	r.created, r.until = time.UnixMicro(created), time.UnixMicro(until)
	return nil
}

// read reads what column data keeps of a notice, and what its mailing keeps of all.
func (r *row) read(shared map[string]string) error {
	var c content
	if r.mailing != "" {
		if err := codec.ReadKnown([]byte(shared[r.mailing]), &c.Data); err != nil {
			return fmt.Errorf("mailing %s: %w", r.mailing, err)
		}
	}
	if err := layOver(&c.Data, func() error { return codec.ReadKnown([]byte(r.text), &c) }); err != nil {
		return fmt.Errorf("notice %s: %w", r.notice.ID, err)
	}
	r.notice.Name, r.notice.Lang, r.notice.Data, r.notice.After = c.Name, c.Lang, c.Data, c.After
	return nil
}

// outcome is what became of an attempt.
type outcome struct {
	row
	release bool // there was no attempt; next says when there may be one
}

// record writes down what became of attempts.
func (s store) record(ctx context.Context, list []outcome) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range list {
			o := &list[i]
			text, args := sqlDone, []any{o.state, storable(o.answer), micros(o.done), o.notice.ID, o.claim}
			switch {
			case o.release:
				text, args = sqlRelease, []any{micros(o.next), o.notice.ID, o.claim}
			case o.state == queued:
				text, args = sqlLater, []any{storable(o.answer), micros(o.next), o.notice.ID, o.claim}
			}
			if _, err := tx.ExecContext(ctx, text, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// free ends all claims. Only a node that is alone may do that.
func (s store) free(ctx context.Context, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlFree, micros(now))
		return err
	})
}

// forgetUser removes an account's owner from the log.
func (s store) forgetUser(ctx context.Context, userID string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlForgetUser, micros(now), userID)
		return err
	})
}

// forget deletes lines of the log that are older than a time, and returns how many.
func (s store) forget(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, sqlForget, micros(before), limit)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return n, err
}

// micros is a time as the database keeps it; 0 is no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// storable is a text that both databases keep.
func storable(text string) string {
	const most = 1000
	if len(text) > most {
		text = text[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
