package user

import (
	"context"

	"boxoffice/internal/caller"
)

// What the pages of an account need besides.

// TwoFactor reports whether log-in needs a code.
func (u *User) TwoFactor() bool { return u.twoFactor }

// HasPassword reports whether one can log in to the account: guests cannot.
func (u *User) HasPassword() bool { return u.hash != "" }

// Address is where mail goes; "" for accounts made in bulk.
func (u *User) Address() string { return u.Email + u.Contact } // one of them

// Account is an account that a caller may see: their own, or as an admin any.
func (s *Service) Account(ctx context.Context, caller caller.Caller, userID string) (User, error) {
	return s.visible(ctx, caller, userID)
}
