package webhook

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/webhookapi"
)

//go:embed migrations/*.sql
var migrations embed.FS

// store reads and writes the service's tables.
type store struct{ db *sqldb.DB }

// endpoint is a row of webhook_endpoints.
type endpoint struct {
	webhookapi.Endpoint
	noticeDue bool
	pokes     int64
	beginsAt  int64 // µs since 1970: it gets messages about what happens from then on
}

const endpointColumns = `id, organizer_id, url, description, types, enabled, off_because, created_at, failing_since, notice_due, pokes, begins_at`

func scanEndpoint(row interface{ Scan(...any) error }) (e endpoint, err error) {
	var types string
	var created, failing int64
	if err := row.Scan(&e.ID, &e.OrganizerID, &e.URL, &e.Description, &types, &e.Enabled, &e.OffBecause, &created, &failing, &e.noticeDue, &e.pokes, &e.beginsAt); err != nil {
		return e, err
	}
	e.CreatedAt, e.FailingSince = timeOf(created), timeOf(failing)
	e.beginsAt = max(e.beginsAt, created)
	return e, codec.ReadKnown([]byte(types), &e.Types)
}

// timeOf is a time of the database; 0 is none.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// endpoints lists endpoints: all, or those of an organizer.
func (s store) endpoints(ctx context.Context, organizerID string) ([]endpoint, error) {
	if organizerID == "" {
		return s.endpointsWhere(ctx, s.db.Reader(), "")
	}
	return s.endpointsWhere(ctx, s.db.Reader(), ` WHERE organizer_id = $1 ORDER BY created_at, id`, organizerID) // webhook_endpoints_by_organizer
}

func (s store) endpointsWhere(ctx context.Context, from sqldb.Querier, where string, args ...any) ([]endpoint, error) {
	rows, err := from.QueryContext(ctx, `SELECT `+endpointColumns+` FROM webhook_endpoints`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	defer rows.Close()
	var list []endpoint
	for rows.Next() {
		e, err := scanEndpoint(rows)
		if err != nil {
			return nil, fmt.Errorf("read webhooks: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// endpoint reads one endpoint; found is false when there is none.
func (s store) endpoint(ctx context.Context, from sqldb.Querier, id string) (e endpoint, found bool, err error) {
	e, err = scanEndpoint(from.QueryRowContext(ctx, `SELECT `+endpointColumns+` FROM webhook_endpoints WHERE id = $1`, id)) // primary key
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("read webhook: %w", err)
	}
	return e, e.OrganizerID != "", nil // otherwise it was deleted
}

// count adds how many deliveries wait, and how many were given up.
func (s store) count(ctx context.Context, e *webhookapi.Endpoint) error {
	err := s.db.Reader().QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'waiting' LIMIT $2) AS w),
		(SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'failed' LIMIT $2) AS f)`,
		e.ID, webhookapi.CountedTo).Scan(&e.Waiting, &e.Failed) // webhook_deliveries_due, webhook_deliveries_failed
	if err != nil {
		return fmt.Errorf("count deliveries: %w", err)
	}
	return nil
}

// secrets are an endpoint's secrets that sign at a time, the current one first.
func (s store) secrets(ctx context.Context, from sqldb.Querier, endpointID string, now time.Time) ([]webhookapi.Secret, error) {
	rows, err := from.QueryContext(ctx, `SELECT secret, created_at, ends_at FROM webhook_secrets
		WHERE endpoint_id = $1 AND (ends_at = 0 OR ends_at > $2) ORDER BY ends_at = 0 DESC, created_at DESC`, endpointID, now.UnixMicro()) // primary key
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	defer rows.Close()
	var list []webhookapi.Secret
	for rows.Next() {
		var one webhookapi.Secret
		var created, ends int64
		if err := rows.Scan(&one.Value, &created, &ends); err != nil {
			return nil, fmt.Errorf("read secrets: %w", err)
		}
		one.CreatedAt, one.EndsAt = timeOf(created), timeOf(ends)
		list = append(list, one)
	}
	return list, rows.Err()
}

// addSecret makes a secret the current one; the others end later.
func addSecret(ctx context.Context, tx *sql.Tx, endpointID, secret string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_secrets SET ends_at = $2 WHERE endpoint_id = $1 AND ends_at = 0`,
		endpointID, now.Add(webhookapi.RotationTime).UnixMicro()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_secrets (endpoint_id, secret, created_at, ends_at) VALUES ($1, $2, $3, 0)`, endpointID, secret, now.UnixMicro())
	return err
}

// cursors are how far the ledgers were read, by event id.
func (s store) cursors(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT event_id, seq FROM webhook_cursors`)
	if err != nil {
		return nil, fmt.Errorf("read cursors: %w", err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var event string
		var seq int64
		if err := rows.Scan(&event, &seq); err != nil {
			return nil, fmt.Errorf("read cursors: %w", err)
		}
		out[event] = seq
	}
	return out, rows.Err()
}

// saveCursors moves cursors on; they never go back.
func saveCursors(ctx context.Context, tx *sql.Tx, cursors map[string]int64) error {
	for event, seq := range cursors {
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_cursors (event_id, seq) VALUES ($1, $2)
			ON CONFLICT (event_id) DO UPDATE SET seq = excluded.seq WHERE webhook_cursors.seq < excluded.seq`, event, seq); err != nil {
			return fmt.Errorf("save cursor: %w", err)
		}
	}
	return nil
}

// add stores a message with its deliveries to some endpoints. One that is there already
// stays as it is.
func (s store) add(ctx context.Context, tx *sql.Tx, m *message, to []string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_messages (id, event_id, type, at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		m.id, m.eventID, m.kind, m.at, m.body); err != nil {
		return fmt.Errorf("store message: %w", err)
	}
	for _, endpointID := range to {
		// Only to an endpoint that still exists: it may have been deleted since it was read.
		if _, err := tx.ExecContext(ctx, s.db.Text(`INSERT INTO webhook_deliveries (endpoint_id, message_id, at, status, tries, step, began_at, due_at, last_at, last_status, last_failure)
			SELECT id, CAST($2 AS TEXT), CAST($3 AS BIGINT), 'waiting', 0, 0, CAST($4 AS BIGINT), CAST($4 AS BIGINT), 0, 0, '' FROM webhook_endpoints WHERE id = $1 AND organizer_id <> ''
			/*postgres: FOR SHARE*/ ON CONFLICT (endpoint_id, message_id) DO NOTHING`), endpointID, m.id, m.at, now.UnixMicro()); err != nil {
			return fmt.Errorf("store delivery: %w", err)
		}
	}
	return nil
}

// deleteEndpoint deletes an endpoint and its secrets. Its log may be long, so it goes in
// small transactions afterwards (see Keep), and then the row, which is nobody's until then.
func deleteEndpoint(ctx context.Context, tx *sql.Tx, id string) error {
	for _, text := range []string{
		`UPDATE webhook_endpoints SET organizer_id = '', url = id, description = '', enabled = FALSE, notice_due = FALSE WHERE id = $1`,
		`DELETE FROM webhook_secrets WHERE endpoint_id = $1`,
	} {
		if _, err := tx.ExecContext(ctx, text, id); err != nil {
			return fmt.Errorf("delete webhook: %w", err)
		}
	}
	return nil
}

// atOnce is the due_at of deliveries that somebody waits for: they go before all others.
const atOnce = 1

// poke makes the node that sends look at an endpoint.
func poke(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET pokes = pokes + 1 WHERE id = $1`, id)
	return err
}
