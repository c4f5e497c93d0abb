package announce

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

const columns = `event_id, id, author_id, sender_id, subject, body, version, created_at, sent_at`

const (
	// By primary key.
	sqlList   = `SELECT ` + columns + ` FROM announcements WHERE event_id = $1 ORDER BY created_at DESC, id DESC`
	sqlRead   = `SELECT ` + columns + ` FROM announcements WHERE event_id = $1 AND id = $2`
	sqlAdd    = `INSERT INTO announcements (event_id, id, organizer_id, author_id, sender_id, subject, body, version, created_at, sent_at) VALUES ($1, $2, $3, $4, '', $5, $6, 1, $7, 0)`
	sqlDrafts = `SELECT count(*) FROM announcements WHERE event_id = $1 AND sent_at = 0`
	sqlChange = `UPDATE announcements SET subject = $1, body = $2, version = version + 1 WHERE event_id = $3 AND id = $4 AND sent_at = 0 AND (subject <> $1 OR body <> $2)`
	sqlDelete = `DELETE FROM announcements WHERE event_id = $1 AND id = $2 AND sent_at = 0`
	sqlSend   = `UPDATE announcements SET sent_at = $1, sender_id = $2, organizer_id = $3 WHERE event_id = $4 AND id = $5 AND sent_at = 0 AND version = $6`
	sqlSender = `INSERT INTO announcement_senders (organizer_id, sent_at) VALUES ($1, $2) ON CONFLICT (organizer_id) DO UPDATE SET sent_at = excluded.sent_at`

	// By announcements_sent, and by primary key. The one that makes room for another: the
	// oldest of the last N.
	sqlByOrganizer = `SELECT sent_at FROM announcements WHERE organizer_id = $1 AND sent_at > $2 ORDER BY sent_at DESC LIMIT 1 OFFSET $3`
	sqlByEvent     = `SELECT sent_at FROM announcements WHERE event_id = $1 AND sent_at > $2 ORDER BY sent_at DESC LIMIT 1 OFFSET $3`
)

// store reads and writes the tables.
type store struct{ db *sqldb.DB }

func (s store) list(ctx context.Context, query string, args ...any) (list []notifyapi.EventAnnouncement, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a notifyapi.EventAnnouncement
		var created, sent int64
		if err := rows.Scan(&a.EventID, &a.ID, &a.AuthorID, &a.SenderID, &a.Subject, &a.Text, &a.Version, &created, &sent); err != nil {
			return nil, err
		}
		a.Created = time.UnixMicro(created)
		if sent > 0 {
			a.Sent = time.UnixMicro(sent)
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// read returns an announcement; NotFound if there is none.
func (s store) read(ctx context.Context, eventID, id string) (notifyapi.EventAnnouncement, error) {
	list, err := s.list(ctx, sqlRead, eventID, id)
	if err == nil && len(list) == 0 {
		err = errs.Missing("announcement")
	}
	if err != nil {
		return notifyapi.EventAnnouncement{}, err
	}
	return list[0], nil
}

// waits returns when another announcement may be sent; zero: now. The caller holds the
// organizer's row.
func (s store) waits(ctx context.Context, tx *sql.Tx, eventID, organizerID string, now time.Time) (time.Time, error) {
	const day = 24 * time.Hour
	var next time.Time
	for _, limit := range []struct {
		query, id string
		most      int
	}{{sqlByEvent, eventID, notifyapi.EventAnnouncements}, {sqlByOrganizer, organizerID, notifyapi.OrganizerAnnouncements}} {
		var at int64
		err := tx.QueryRowContext(ctx, limit.query, limit.id, now.Add(-day).UnixMicro(), limit.most-1).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return next, err
		}
		if free := time.UnixMicro(at).Add(day); free.After(next) {
			next = free
		}
	}
	return next, nil
}

// exec carries out a statement, and reports whether it changed something.
func (s store) exec(ctx context.Context, query string, args ...any) (changed bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		changed = n > 0
		return err
	})
	return changed, err
}
