package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/user/session"
)

// CorrectAddress gives a guest's account another address; see userapi.Directory. The
// sessions end: whoever corrects the address would otherwise get the mails about what the
// buyer buys from others afterwards.
func (s *Service) CorrectAddress(ctx context.Context, userID, email string) error {
	address, reason := NormalEmail(email)
	if !reason.None() {
		return errs.Fields([]errs.Field{reason.In("email")})
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var old string
		var role caller.Role
		row := tx.QueryRowContext(ctx, s.db.Text(`SELECT contact, role FROM users WHERE id = $1 AND NOT disabled /*postgres: FOR UPDATE*/`), userID) // primary key
		switch err := row.Scan(&old, &role); {
		case errors.Is(err, sql.ErrNoRows):
			return errs.Missing("user")
		case err != nil:
			return err
		case role != caller.Guest:
			return errs.New(errs.Conflict, "already-verified", "The address is already verified.")
		case old == address:
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET contact = $1, version = version + 1 WHERE id = $2`, address, userID); err != nil { // primary key
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mails WHERE user_id = $1 AND address = $2`, userID, old); err != nil { // the table is small
			return err
		}
		if err := dropTokens(ctx, tx, userID); err != nil { // they were mailed to the old address
			return err
		}
		return session.EndAll(ctx, tx, userID)
	})
	s.sessions.ForgetAll(userID)
	if err != nil && errs.Of(err) == nil {
		return fmt.Errorf("correct address: %w", err)
	}
	return err
}
