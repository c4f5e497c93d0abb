package user

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// takeOn claims up to most rows that are due: it reads them and postpones their next
// turn in the same transaction, so that other nodes leave them alone for a while.
// The query takes the time (µs since 1970) and the number of rows.
func takeOn[T any](ctx context.Context, s *Service, text string, most int, read func(rows *sql.Rows, one *T) error, putOff func(tx *sql.Tx, one T, now time.Time) error) (due []T, err error) {
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		due = nil
		rows, err := tx.QueryContext(ctx, s.db.Text(text), now.UnixMicro(), most)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var one T
			if err := read(rows, &one); err != nil {
				return err
			}
			due = append(due, one)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, one := range due {
			if err := putOff(tx, one, now); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}
