package user

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/caller"
	"boxoffice/internal/locale"
)

// langOf returns the language of whoever makes a request, as accounts keep it for mails;
// "" if the request does not say.
func langOf(ctx context.Context) string { return locale.Heard(caller.LangFrom(ctx)) }

// speaks notes the language of a request as its account's.
func speaks(ctx context.Context, tx *sql.Tx, u *record) error {
	lang := langOf(ctx)
	if lang == "" || lang == u.Lang {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE users SET lang = $1 WHERE id = $2`, lang, u.ID) // primary key
	return err
}

// Speaks notes the language of a request as the caller's, for mails.
func (s *Service) Speaks(ctx context.Context, who caller.Caller) error {
	u, err := s.get(ctx, who.UserID)
	if err == nil && langOf(ctx) != "" && langOf(ctx) != u.Lang {
		err = s.db.Write(ctx, func(tx *sql.Tx) error { return speaks(ctx, tx, &u) })
	}
	if err != nil {
		return fmt.Errorf("note a language: %w", err)
	}
	return nil
}
