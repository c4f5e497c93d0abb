package user

import (
	"context"
	"fmt"
	"strings"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// What the pages of an account need besides.

// TwoFactor reports whether log-in needs a code.
func (u *User) TwoFactor() bool { return u.twoFactor }

// HasPassword reports whether one can log in to the account: guests cannot.
func (u *User) HasPassword() bool { return u.hash != "" }

// Address is where mail goes; "" for accounts made in bulk.
func (u *User) Address() string { return u.Email + u.Contact } // one of them

// Account is an account that a caller may see: their own, or as an admin any.
func (s *Service) Account(ctx context.Context, caller message.Caller, userID string) (User, error) {
	return s.visible(ctx, caller, userID)
}

// DeleteOwn deletes the caller's account as Delete does, after another look at
// the password if it has one.
func (s *Service) DeleteOwn(ctx context.Context, caller message.Caller, password string) error {
	u, err := s.visible(ctx, caller, caller.UserID)
	if err != nil {
		return err
	}
	if u.HasPassword() {
		ok, err := s.try(ctx, u.ID, u, password)
		if err != nil {
			return err
		}
		if !ok {
			return errs.Bad("current_password", "is not the account's password")
		}
	}
	return s.Delete(ctx, caller, u.ID)
}

// Address is where an account gets its mail, and how it is addressed.
type Address struct{ Name, Email string }

// Addresses are those of some accounts, by id; accounts without one are left out.
func (s *Service) Addresses(ctx context.Context, userIDs []string) (map[string]Address, error) {
	args, marks := make([]any, len(userIDs)), make([]string, len(userIDs))
	for i, one := range userIDs {
		args[i], marks[i] = one, fmt.Sprintf("$%d", i+1)
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id, name, COALESCE(email, ''), contact FROM users WHERE NOT disabled AND id IN (`+strings.Join(marks, ", ")+`)`, args...) // primary key
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	defer rows.Close()
	out := map[string]Address{}
	for rows.Next() {
		var one, contact string
		var a Address
		if err := rows.Scan(&one, &a.Name, &a.Email, &contact); err != nil {
			return nil, fmt.Errorf("read addresses: %w", err)
		}
		if a.Email += contact; a.Email != "" { // one of them
			out[one] = a
		}
	}
	return out, rows.Err()
}
