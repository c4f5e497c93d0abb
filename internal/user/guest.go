package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// guestLife is how long a guest's session lasts.
const guestLife = 2 * time.Hour

// EnterGuest makes an account from a name and an address only, and mails a code that
// verifies the address.
func (s *Service) EnterGuest(ctx context.Context, name, email, agent string) (userapi.Session, error) {
	a := userapi.NewAccount{Email: email, Name: name}
	if bad := normalize(&a); len(bad) > 0 {
		return userapi.Session{}, errs.Fields(bad)
	}
	now := s.now()
	u := record{ID: guestID(now), Name: a.Name, Contact: a.Email, Role: caller.Guest, CreatedAt: now.UnixMicro(), Version: 1, Lang: langOf(ctx)}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := insert(ctx, tx, &u); err != nil {
			return err
		}
		return s.ask(ctx, tx, mailCode, u.ID, u.Contact, mailPause)
	})
	s.kick()
	if err != nil {
		return userapi.Session{}, fmt.Errorf("enter guest: %w", err)
	}
	return s.startSession(ctx, u, agent, guestLife)
}

// ResendCode mails the code again to a caller whose address is not verified, at most
// once a minute.
func (s *Service) ResendCode(ctx context.Context, caller caller.Caller) error {
	u, err := s.unproved(ctx, caller)
	switch {
	case err != nil:
		return err
	case u.address() == "":
		return errNoContact
	}
	return s.sendProof(ctx, &u)
}

var errNoContact = errs.New(errs.Conflict, "no-address", "Please enter your email address first.")

// VerifyCode checks the code that was mailed to the caller's address. A guest's
// account becomes the account of that address, or, if there is one already, its
// holds move there; an account with a password gets its address verified. The
// returned session replaces the current one.
func (s *Service) VerifyCode(ctx context.Context, who caller.Caller, code, agent string) (userapi.Session, error) {
	u, err := s.unproved(ctx, who)
	if err != nil {
		return userapi.Session{}, err
	}
	address := u.address()
	if address == "" {
		return userapi.Session{}, errNoContact
	}
	if err := s.checkCode(ctx, address, code); err != nil {
		return userapi.Session{}, err
	}
	if u.Role != caller.Guest {
		err := s.db.Write(ctx, func(tx *sql.Tx) error {
			if err := s.stillGives(ctx, tx, u.ID, address); err != nil {
				return err
			}
			return s.own(ctx, tx, u.ID)
		})
		if err = ownedElsewhere(err); err != nil {
			return userapi.Session{}, err
		}
		if u, err = s.nowOwned(ctx, u.ID); err != nil {
			return userapi.Session{}, err
		}
		return s.goOn(ctx, u, u.ID, address, agent, sessionLife)
	}
	owner, err := s.guestOwner(ctx, who, &u, address)
	if err != nil {
		return userapi.Session{}, err
	}
	return s.goOn(ctx, owner, u.ID, address, agent, guestLife)
}

// guestOwner returns the guest account that owns an address which a guest has just
// verified: an existing one, to which the guest's holds move, or else this one.
func (s *Service) guestOwner(ctx context.Context, caller caller.Caller, u *record, address string) (record, error) {
	for {
		owner, err := s.guestOf(ctx, address)
		switch {
		case err == nil && owner.Disabled:
			return owner, errDisabled
		case err == nil:
			return owner, s.adopt(ctx, caller, &owner)
		case !errors.Is(err, errNoUser):
			return owner, err
		}
		if s.bookings != nil { // the holds count for the address from now on; the guest is told if there are too many
			if err := s.bookings.Adopt(ctx, u.ID, u.ID, s.emailKey(address)); err != nil {
				return owner, err
			}
		}
		err = s.ownAddress(ctx, u)
		if sqldb.Duplicate(err) {
			continue // another request with the same address was faster
		}
		if errors.Is(err, errStale) { // the same request, sent twice, may have been faster
			if twice, err := s.guestOf(ctx, address); err == nil && twice.ID == u.ID && !twice.Disabled {
				return twice, nil
			}
		}
		return *u, err
	}
}

// guestOf returns the guest account of a verified address.
func (s *Service) guestOf(ctx context.Context, address string) (record, error) {
	return scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE guest_email = $1`, address)) // users_by_guest_email
}

// ownAddress makes a guest the customer who owns the address. It fails with errStale
// if the guest's account has ended, has another address by now, or is already a
// customer.
func (s *Service) ownAddress(ctx context.Context, u *record) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		err := asRead(tx.ExecContext(ctx, `UPDATE users SET role = $1, guest_email = $2, email_verified = TRUE, version = version + 1
			WHERE id = $3 AND role = $4 AND NOT disabled AND contact = $2`, string(caller.Customer), u.Contact, u.ID, string(caller.Guest)))
		if err != nil {
			return err
		}
		return session.Changed(ctx, tx)
	})
	s.sessions.ForgetAll(u.ID)
	if err == nil {
		*u, err = s.get(ctx, u.ID)
	}
	return err
}

// goOn starts a session after the code of an address was checked, and ends the code
// and the session that this one replaces. That session stays valid for the overlap;
// but if the address belongs to another account, the guest's own account is empty,
// and its sessions end at once.
func (s *Service) goOn(ctx context.Context, owner record, before, address, agent string, life time.Duration) (userapi.Session, error) {
	begun, err := s.startSession(ctx, owner, agent, life)
	if err != nil {
		return userapi.Session{}, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.useCode(ctx, tx, address); err != nil {
			return err
		}
		if before != owner.ID {
			return session.EndAll(ctx, tx, before)
		}
		return s.sessions.Replace(ctx, tx, owner.ID, begun.Token, caller.TokenFrom(ctx), !owner.hasPassword())
	})
	s.sessions.ForgetAll(before)
	return begun, err
}

// MailOrderCode mails a code to the owner of an order, if that is a guest without a
// password: the order's link together with access to the owner's mail proves
// ownership.
func (s *Service) MailOrderCode(ctx context.Context, userID string) error {
	u, err := s.orderGuest(ctx, userID)
	if err != nil {
		return err
	}
	return s.asked(ctx, mailCode, u.ID, u.Contact, mailPause)
}

// EnterByCode starts a session for an order's owner with the code that MailOrderCode
// mailed.
func (s *Service) EnterByCode(ctx context.Context, userID, code, agent string) (userapi.Session, error) {
	u, err := s.orderGuest(ctx, userID)
	if err != nil {
		return userapi.Session{}, err
	}
	if err := s.checkCode(ctx, u.Contact, code); err != nil {
		return userapi.Session{}, err
	}
	return s.goOn(ctx, u, u.ID, u.Contact, agent, guestLife)
}

func (s *Service) orderGuest(ctx context.Context, userID string) (record, error) {
	u, err := s.get(ctx, userID)
	switch {
	case errors.Is(err, errNoUser):
		return u, errs.Missing("user")
	case err == nil && (!u.Verified || u.hasPassword() || u.Contact == "" || u.Disabled):
		return u, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in with your password.")
	}
	return u, err
}

// unproved returns the account of a caller whose address is not verified yet.
func (s *Service) unproved(ctx context.Context, caller caller.Caller) (record, error) {
	if !caller.SignedIn() {
		return record{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please enter as a guest first.")
	}
	u, err := s.get(ctx, caller.UserID)
	switch {
	case errors.Is(err, errNoUser):
		return u, errs.Missing("user")
	case err == nil && u.Verified:
		err = errs.New(errs.Conflict, "already-verified", "The address is already verified.")
	}
	return u, err
}
