package user

import (
	"context"

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
