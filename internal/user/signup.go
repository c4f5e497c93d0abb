package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// An account with a password has an address from the start, and several accounts may
// give the same address until one of them has verified it. Then it belongs to that
// account alone (users.email, unique), and mails tell the others. So signing up
// gives the same answer whether or not there is an account with the address, and
// nobody can take an address whose mail they cannot read.

// SignUp makes a customer's account. The mail to the address tells how to verify it,
// or that it already belongs to an account.
func (s *Service) SignUp(ctx context.Context, a userapi.NewAccount) (userapi.Account, error) {
	return shown(s.signUp(ctx, a))
}

func (s *Service) signUp(ctx context.Context, a userapi.NewAccount) (record, error) {
	u, err := s.create(ctx, a, caller.Customer, false)
	if err != nil {
		return u, err
	}
	if err := s.asked(ctx, mailVerify, u.ID, u.Email, 0); err != nil {
		s.note(ctx, err) // the account exists; another mail can be requested
	}
	return u, nil
}

// create makes an account. If verified is set, its creator vouches for the address.
func (s *Service) create(ctx context.Context, a userapi.NewAccount, role caller.Role, verified bool) (record, error) {
	bad := normalize(&a)
	if reason := s.hasher.acceptable(a.Password, a.Email, a.Username); !reason.None() {
		bad = append(bad, reason.In("password"))
	}
	if err := errs.Fields(bad); err != nil {
		return record{}, err
	}
	hash, err := s.hasher.hash(ctx, a.Password)
	if err != nil {
		return record{}, err
	}
	now := s.now()
	u := record{ID: id.New(now), Email: a.Email, Username: a.Username, Name: a.Name, Role: role, CreatedAt: now.UnixMicro(), Version: 1, Verified: verified, Lang: langOf(ctx), hash: hash}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if verified {
			if err := freeAddress(ctx, tx, u.Email, u.ID); err != nil {
				return err
			}
		}
		return insert(ctx, tx, &u)
	})
	if sqldb.Duplicate(err) {
		return record{}, s.taken(ctx, a, verified)
	}
	if err != nil {
		return record{}, fmt.Errorf("sign up: %w", err)
	}
	return u, nil
}

// taken tells which name belongs to another account. Only those who create accounts
// for others learn that about addresses.
func (s *Service) taken(ctx context.Context, a userapi.NewAccount, vouching bool) error {
	e := errs.New(errs.Conflict, "account-exists", "There is already an account with this username.")
	e.Fields = []errs.Field{{Name: "username", Code: "username-taken", Reason: "belongs to another account"}}
	if vouching {
		if u, err := s.find(ctx, a.Email); err == nil && u.Verified {
			e.Detail = "There is already an account with this email address."
			e.Fields[0].Name = "email"
		}
	}
	return e
}

// addresses returns the values of an account's columns email and contact.
func (u *record) addresses() (email any, contact string) {
	if u.Verified {
		return orNull(u.Email), u.Contact
	}
	return nil, u.address()
}

func insert(ctx context.Context, tx *sql.Tx, u *record) error {
	email, contact := u.addresses()
	_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, username, name, role, password_hash, disabled, created_at, version, contact, email_verified, lang)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, u.ID, email, orNull(u.Username), u.Name, string(u.Role), u.hash, u.Disabled, u.CreatedAt, u.Version, contact, u.Verified, u.Lang)
	return err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// freeAddress takes an address from accounts that never verified it. Earlier
// versions gave accounts their address without verification.
func freeAddress(ctx context.Context, tx *sql.Tx, address, except string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET contact = email, email = NULL, version = version + 1
		WHERE email = $1 AND NOT email_verified AND id <> $2`, address, except) // its unique index
	return err
}

// own makes an address belong to an account that has verified it. A guest's orders
// with the same address move to the account. The error is a Duplicate if another
// account has verified the address before.
func (s *Service) own(ctx context.Context, tx *sql.Tx, userID string) error {
	var address string
	var verified, disabled bool
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT coalesce(email, contact), email_verified, disabled FROM users WHERE id = $1 /*postgres: FOR UPDATE*/`), userID) // primary key
	switch err := row.Scan(&address, &verified, &disabled); {
	case err != nil:
		return gone(err)
	case verified:
		return nil
	case disabled: // otherwise nobody could ever have the address
		return errDisabled
	}
	if err := freeAddress(ctx, tx, address, userID); err != nil {
		return err
	}
	if err := dropLinks(ctx, tx, userID, toVerify); err != nil { // there is nothing left to verify
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE users SET email = $1, contact = '', email_verified = TRUE, version = version + 1 WHERE id = $2`, address, userID); err != nil {
		return err
	}
	if err := s.adoptOrders(ctx, tx, address, userID); err != nil {
		return err
	}
	return session.Changed(ctx, tx) // callers carry it
}

// ownedElsewhere translates the error for somebody who has verified an address that
// belongs to another account.
func ownedElsewhere(err error) error {
	if !sqldb.Duplicate(err) {
		return err
	}
	return errs.New(errs.Conflict, "address-taken", "You have another account with this address. Please sign in to that one.")
}

// mostClaimants limits how many accounts a log-in with an address may refer to,
// since each costs a password check.
const mostClaimants = 4

// claimants returns the accounts that a log-in may refer to; the password decides
// which is meant. A username refers to one. An address refers to the account that
// has verified it; among those that merely give it, to the oldest, the newest, and
// the newest that has signed in from the client's network before. So somebody who
// signs up with another person's address, however often, does not get in their way.
func (s *Service) claimants(ctx context.Context, login string) (list []record, err error) {
	if len(login) > 254 {
		return nil, nil // no account has a name so long
	}
	add := func(where, name string) error {
		u, err := scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE `+where, name))
		known := slices.ContainsFunc(list, func(one record) bool { return one.ID == u.ID })
		if errors.Is(err, errNoUser) || err == nil && known {
			return nil
		}
		list = append(list, u)
		return err
	}
	if !strings.Contains(login, "@") {
		return list, add(`username = $1`, strings.ToLower(strings.TrimSpace(login))) // its unique index
	}
	names := spellings(login)
	for _, address := range names {
		if len(list) > 0 {
			break
		}
		if err := add(`email = $1`, address); err != nil { // its unique index
			return nil, err
		}
	}
	ids, err := s.giving(ctx, names[len(names)-1])
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if err := add(`id = $1`, one); err != nil { // primary key
			return nil, err
		}
	}
	return list, nil
}

// giving returns, of the accounts that give an address without having verified it,
// the oldest, the newest, and the newest that has signed in from the client's
// network before. Disabled accounts are ignored, since nobody can sign in to them.
func (s *Service) giving(ctx context.Context, address string) ([]string, error) {
	const where = `SELECT id FROM users WHERE contact = $1 AND role <> 'guest' AND NOT email_verified AND NOT disabled AND password_hash <> '' ORDER BY created_at ` // users_by_contact
	list, err := s.ids(ctx, where+`DESC, id DESC LIMIT $2`, address, peopleAtMost)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	oldest := list[len(list)-1:]
	if len(list) == peopleAtMost {
		if oldest, err = s.ids(ctx, where+`ASC, id ASC LIMIT $2`, address, 1); err != nil {
			return nil, err
		}
	}
	picked := append(oldest[:len(oldest):len(oldest)], list[0])
	network := caller.ClientFrom(ctx)
	if network == "" || len(list) <= len(picked) {
		return picked, nil
	}
	known, err := s.knowingNetwork(ctx, list, network)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(list, func(one string) bool { return known[one] }); at >= 0 {
		picked = append(picked, list[at])
	}
	return picked, nil
}

// ids reads a column of ids.
func (s *Service) ids(ctx context.Context, text string, args ...any) ([]string, error) {
	list, err := sqldb.Texts(ctx, s.db.Reader(), text, args...)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// find returns an account by e-mail address or username: the one that has verified
// the address, or else the oldest that gives it.
func (s *Service) find(ctx context.Context, login string) (record, error) {
	list, err := s.claimants(ctx, login)
	if err == nil && len(list) == 0 {
		err = errNoUser
	}
	if err != nil {
		return record{}, err
	}
	return list[0], nil
}

// stillGives returns an error if an account no longer gives the address that was
// read: proof of one address proves no other. The row stays locked.
func (s *Service) stillGives(ctx context.Context, tx *sql.Tx, userID, address string) error {
	var given string
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT coalesce(email, contact) FROM users WHERE id = $1 /*postgres: FOR UPDATE*/`), userID) // primary key
	if err := row.Scan(&given); err != nil {
		return gone(err)
	}
	if given != address {
		return errs.New(errs.Conflict, "address-changed", "The account now has a different address; please request a new code.")
	}
	return nil
}
