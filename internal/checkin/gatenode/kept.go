package gatenode

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"boxoffice/internal/checkin"
	"boxoffice/internal/codec"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// By the primary key of gate_node_kept.
	sqlKept = `SELECT body FROM gate_node_kept WHERE name = $1`
	sqlPut  = `INSERT INTO gate_node_kept (name, body) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET body = excluded.body`

	// By the primary key of gate_node_owed.
	sqlOwe    = `INSERT INTO gate_node_owed (device, counter, seq, body, trouble) VALUES ($1, $2, $3, $4, '') ON CONFLICT (device, counter) DO UPDATE SET seq = excluded.seq, body = excluded.body, trouble = ''`
	sqlTold   = `DELETE FROM gate_node_owed WHERE device = $1 AND counter = $2 AND seq = $3`
	sqlAside  = `UPDATE gate_node_owed SET trouble = $4 WHERE device = $1 AND counter = $2 AND seq = $3`
	sqlWaits  = `SELECT count(*), COALESCE(sum(CASE WHEN trouble = '' THEN 0 ELSE 1 END), 0) FROM gate_node_owed`
	sqlOldest = `SELECT seq, body FROM gate_node_owed WHERE trouble = '' AND seq > $1 ORDER BY seq LIMIT 500` // by gate_node_owed_by_seq
)

// Names of what is kept.
const (
	keptState  = "state"
	keptList   = "list" // in base64
	keptPlan   = "plan"
	keptCursor = "cursor"
	keptTime   = "time"
)

// kept is the tables.
type kept struct{ db *sqldb.DB }

// read reads what is kept under a name into v; false: there is nothing.
func (k kept) read(ctx context.Context, name string, v any) (bool, error) {
	var body string
	err := k.db.Reader().QueryRowContext(ctx, sqlKept, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = codec.ReadKnown([]byte(body), v)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return true, nil
}

// put keeps v under a name.
func (k kept) put(ctx context.Context, name string, v any) error {
	body, err := codec.Marshal(v)
	if err == nil {
		err = k.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, sqlPut, name, string(body))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// owe stores what the box office has to be told.
func (k kept) owe(ctx context.Context, tx *sql.Tx, list []checkin.Owed) error {
	for i := range list {
		body, err := codec.Marshal(checkin.SentBy(&list[i]))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sqlOwe, list[i].Device, list[i].Counter, list[i].Seq, string(body)); err != nil {
			return fmt.Errorf("keep scans for the box office: %w", err)
		}
	}
	return nil
}

// owed is a scan that waits, with what package checkin knows it by.
type owed struct {
	checkin.Owed
	send checkin.NodeScan
}

// oldest reads the scans that wait after seq, oldest first, at most 500.
func (k kept) oldest(ctx context.Context, seq int64) ([]owed, error) {
	rows, err := k.db.Reader().QueryContext(ctx, sqlOldest, seq)
	if err != nil {
		return nil, fmt.Errorf("read the scans that wait: %w", err)
	}
	defer rows.Close()
	var list []owed
	for rows.Next() {
		var body string
		var o owed
		var at int64
		if err := rows.Scan(&at, &body); err != nil {
			return nil, fmt.Errorf("read the scans that wait: %w", err)
		}
		if err := codec.ReadKnown([]byte(body), &o.send); err != nil {
			return nil, fmt.Errorf("read the scans that wait: %w", err)
		}
		o.Owed = o.send.Owed()
		o.Seq = at
		list = append(list, o)
	}
	return list, rows.Err()
}

// told removes scans of which the box office was told, unless more has become of them since.
func (k kept) told(ctx context.Context, list []checkin.Owed) error {
	return k.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range list {
			if _, err := tx.ExecContext(ctx, sqlTold, list[i].Device, list[i].Counter, list[i].Seq); err != nil {
				return fmt.Errorf("remove scans that were sent: %w", err)
			}
		}
		return nil
	})
}

// aside keeps a scan that the box office refuses to take, so that it does not stop others.
func (k kept) aside(ctx context.Context, o *checkin.Owed, why string) error {
	return k.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlAside, o.Device, o.Counter, o.Seq, why)
		return err
	})
}

// waits counts the scans that wait, and those of them that the box office does not take.
func (k kept) waits(ctx context.Context) (all, refused int64, err error) {
	err = k.db.Reader().QueryRowContext(ctx, sqlWaits).Scan(&all, &refused)
	return all, refused, err
}
