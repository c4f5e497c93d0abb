package user

import (
	"context"
	"database/sql"
	"strings"

	"boxoffice/internal/errs"
	"boxoffice/internal/phone"
)

// Texts says to which mobile numbers text messages are sent.
type Texts struct {
	Regions []string // countries, see phone.Normal; none: all
}

// mobile returns the stored form of a mobile number; "" for none. Nobody proves that a
// number is theirs: see docs/decisions/0036-text-messages.md.
func (s *Service) mobile(text string) (number string, reason errs.Reason) {
	switch {
	case strings.TrimSpace(text) == "":
		return "", errs.Reason{}
	case s.texts == nil:
		return "", errs.Why("no-texts", "is not accepted: this site sends no text messages")
	}
	return phone.Normal(text, s.texts.Regions)
}

// adoptPhone moves the mobile number of an account whose bookings were moved: the person
// may have given it before they verified their address.
func adoptPhone(ctx context.Context, tx *sql.Tx, from, to string) error {
	if from == to {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE users SET phone = (SELECT phone FROM users WHERE id = $1), version = version + 1
		WHERE id = $2 AND phone = '' AND NOT disabled AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND phone <> '')`, from, to); err != nil { // primary key
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE users SET phone = '', version = version + 1 WHERE id = $1 AND phone <> ''`, from) // primary key
	return err
}
