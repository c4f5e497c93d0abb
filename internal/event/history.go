package event

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/eventapi"
)

// recorded is a change of an event of which buyers must be notified.
type recorded struct {
	field         string // event_time, end_time or venue
	at            int64  // µs since 1970
	before, after string
}

// changed lists the differences between two states of an event of which buyers must be
// notified. If there are any, it sets ChangedAt of the new state.
func (s *Service) changed(was, is *stored) []recorded {
	if !was.Announced {
		return nil
	}
	now := s.now().UnixMicro()
	var list []recorded
	note := func(field, before, after string) {
		if before != after {
			list = append(list, recorded{field, now, before, after})
			is.ChangedAt = now
		}
	}
	note("event_time", was.Begin(), is.Begin())
	if is.Begin() == was.Begin() && was.EndsAt != 0 { // otherwise the end moves with the beginning
		note("end_time", was.End(), is.End())
	}
	note("venue", was.Venue.address(), is.Venue.address())
	return list
}

// address returns a venue on one line.
func (v *venue) address() string {
	line := v.Name
	for _, part := range []string{v.Address, v.City, v.Country} {
		if part != "" {
			line += ", " + part
		}
	}
	return line
}

func insertChanges(ctx context.Context, tx *sql.Tx, e *stored, list []recorded) error {
	for _, c := range list {
		if _, err := tx.ExecContext(ctx, `INSERT INTO event_changes (event_id, version, field, at, before, after) VALUES ($1, $2, $3, $4, $5, $6)`,
			e.ID, e.Version, c.field, c.at, c.before, c.after); err != nil {
			return fmt.Errorf("record change: %w", err)
		}
	}
	return nil
}

// deleteChanges deletes the changes of versions that were refused.
func deleteChanges(ctx context.Context, tx *sql.Tx, eventID string, after int64) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM event_changes WHERE event_id = $1 AND version > $2`, eventID, after); err != nil {
		return fmt.Errorf("take back change: %w", err)
	}
	return nil
}

// Changes implements eventapi.Reader.
func (s *Service) Changes(ctx context.Context, ids []string) (map[string][]eventapi.Change, error) {
	out := map[string][]eventapi.Change{}
	if len(ids) == 0 {
		return out, nil
	}
	in, args := placeholders(ids)
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT event_id, field, at, before, after FROM event_changes WHERE event_id IN (`+in+`)
		ORDER BY event_id, version, field`, args...) // primary key
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c eventapi.Change
		var eventID string
		var at int64
		if err := rows.Scan(&eventID, &c.Field, &at, &c.From, &c.To); err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		c.At = time.UnixMicro(at).UTC()
		out[eventID] = append(out[eventID], c)
	}
	return out, rows.Err()
}

// placeholders returns an SQL list of placeholders for values: "$1, $2".
func placeholders(values []string) (marks string, args []any) {
	each := make([]string, len(values))
	for i, v := range values {
		each[i], args = "$"+strconv.Itoa(i+1), append(args, v)
	}
	return strings.Join(each, ", "), args
}
