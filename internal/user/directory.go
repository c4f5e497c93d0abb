package user

import (
	"context"
	"errors"

	"boxoffice/internal/sqldb"
)

// Directory knows which accounts there are. It is separate from Service because the
// booking service needs it to be built, and Service needs the booking service.
type Directory struct{ db *sqldb.DB }

// OpenDirectory migrates the tables of the user service.
func OpenDirectory(ctx context.Context, db *sqldb.DB) (*Directory, error) {
	if err := db.Migrate(ctx, "user", migrations); err != nil {
		return nil, err
	}
	return &Directory{db}, nil
}

// Exists reports whether an account exists and is not disabled.
func (d *Directory) Exists(ctx context.Context, userID string) (bool, error) {
	u, err := d.get(ctx, userID)
	if errors.Is(err, errNoUser) {
		return false, nil
	}
	return err == nil && !u.Disabled, err
}

// get returns an account by id.
func (d *Directory) get(ctx context.Context, userID string) (record, error) {
	return scan(d.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE id = $1`, userID)) // primary key
}
