package user

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// takeOn lists up to most rows that are due, and puts their next turns off in the same
// transaction: other nodes leave them alone for a while. The text selects them by the
// time, µs since 1970, and the number.
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
