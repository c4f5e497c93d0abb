package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// Visitors hold seats before they give a name: a guest's account without name and
// address. Such an account is deleted when its session has ended and it holds
// nothing.

// Cleaning up visitors' accounts.
const (
	endedAtOnce = 500 // in one transaction
	endEvery    = 5 * time.Minute
)

// EnterVisitor makes an account for somebody of whom nothing is known.
func (s *Service) EnterVisitor(ctx context.Context, agent string) (userapi.Session, error) {
	for {
		var token string
		now := s.now()
		u := record{ID: guestID(now), Role: caller.Guest, CreatedAt: now.UnixMicro(), Version: 1, Lang: langOf(ctx)}
		ends := now.Add(guestLife)
		err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
			if err := insert(ctx, tx, &u); err != nil {
				return err
			}
			token, err = session.Begin(ctx, tx, u.ID, agent, now, ends)
			return err
		})
		if sqldb.Duplicate(err) {
			continue // ids have only 32 random bits per millisecond, so they can collide
		}
		if err != nil {
			return userapi.Session{}, fmt.Errorf("enter visitor: %w", err)
		}
		return userapi.Session{Token: token, Ends: ends, Account: u.shown(), Role: u.Role}, nil
	}
}

func guestID(now time.Time) string { return "g" + id.New(now)[1:] }

// cameAsGuest reports whether an account began as a visitor's or a guest's.
func cameAsGuest(userID string) bool { return strings.HasPrefix(userID, "g") }

// SetContact sets a visitor's name and address, which may change until the address
// is verified. It mails the code that verifies it: see VerifyCode.
func (s *Service) SetContact(ctx context.Context, caller caller.Caller, name, email string) (userapi.Account, error) {
	return shown(s.setContact(ctx, caller, name, email))
}

func (s *Service) setContact(ctx context.Context, caller caller.Caller, name, email string) (record, error) {
	u, err := s.guest(ctx, caller)
	if err != nil {
		return record{}, err
	}
	a := userapi.NewAccount{Email: email, Name: name}
	if bad := normalize(&a); len(bad) > 0 {
		return record{}, errs.Fields(bad)
	}
	u.Name, u.Contact = a.Name, a.Email
	if err := s.writeContact(ctx, &u); err != nil {
		return record{}, fmt.Errorf("set contact: %w", err)
	}
	return u, nil
}

// writeContact sets a guest's name and address. It fails with errStale if the
// account is no longer a guest's: verified data stays.
func (s *Service) writeContact(ctx context.Context, u *record) error {
	var moved bool
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		row := tx.QueryRowContext(ctx, s.db.Text(`SELECT contact <> $1 FROM users WHERE id = $2 AND role = $3 /*postgres: FOR UPDATE*/`), u.Contact, u.ID, string(caller.Guest)) // primary key
		if err := row.Scan(&moved); err != nil {
			return gone(err)
		}
		if moved {
			if err := session.Changed(ctx, tx); err != nil { // callers carry it
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET name = $1, contact = $2, version = version + 1 WHERE id = $3`, u.Name, u.Contact, u.ID); err != nil {
			return err
		}
		return s.ask(ctx, tx, mailCode, u.ID, u.Contact, mailPause)
	})
	s.kick()
	if moved {
		s.sessions.ForgetAll(u.ID)
	}
	return err
}

// guest returns the account of a caller who has not verified an address yet.
func (s *Service) guest(ctx context.Context, who caller.Caller) (record, error) {
	u, err := s.unproved(ctx, who)
	if err == nil && u.Role != caller.Guest {
		err = errs.New(errs.Conflict, "already-verified", "You already have an account.")
	}
	return u, err
}

// leave ends a visitor's sessions after another account has replaced them.
func (s *Service) leave(ctx context.Context, visitor caller.Caller) error {
	if !visitor.Visiting() {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return session.EndAll(ctx, tx, visitor.UserID) })
	s.sessions.ForgetAll(visitor.UserID)
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// EndVisits deletes the accounts of guests who never verified an address, whose
// sessions have ended and who hold nothing. It returns how many. Several nodes may
// run it at once.
func (s *Service) EndVisits(ctx context.Context) (ended int, err error) {
	if err := s.forgetIdle(ctx); err != nil {
		return 0, fmt.Errorf("end visitors: %w", err)
	}
	for after := ""; ; {
		ids, err := s.goneVisitors(ctx, after)
		if err != nil || len(ids) == 0 {
			return ended, err
		}
		after = ids[len(ids)-1]
		n, err := s.deleteVisitors(ctx, ids)
		if ended += n; err != nil {
			return ended, err
		}
	}
}

// forgetIdle deletes the counts of addresses that were not used for a day, and
// networks that an account has not used for a long time.
func (s *Service) forgetIdle(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for text, life := range map[string]time.Duration{
			`DELETE FROM mailboxes WHERE since < $1`:        mailboxLife, // mailboxes_idle
			`DELETE FROM mail_counts WHERE since < $1`:      mailboxLife, // mail_counts_idle
			`DELETE FROM known_networks WHERE seen_at < $1`: networkLife, // known_networks_idle
		} {
			if _, err := tx.ExecContext(ctx, text, s.now().Add(-life).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
}

// goneVisitors lists guests without a session, oldest first.
func (s *Service) goneVisitors(ctx context.Context, after string) ([]string, error) {
	return s.ids(ctx, `SELECT id FROM users WHERE role = 'guest' AND id > $1 AND created_at <= $2
		AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id AND expires_at > $3) ORDER BY id LIMIT $4`, // users_visiting, sessions_by_user
		after, s.now().Add(-guestLife).UnixMicro(), s.now().UnixMicro(), endedAtOnce)
}

// deleteVisitors deletes those of some guests who hold nothing.
func (s *Service) deleteVisitors(ctx context.Context, ids []string) (int, error) {
	idle := ids[:0:0]
	for _, one := range ids {
		live, err := s.hasLive(ctx, one, s.now().UnixMicro())
		if err != nil {
			return 0, err
		}
		if live {
			continue // it expires soon
		}
		idle = append(idle, one)
	}
	ended := 0
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		ended = 0
		for _, one := range idle {
			switch err := asRead(tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1 AND role = 'guest'`, one)); { // primary key
			case errors.Is(err, errStale): // it is a customer's by now, or another node was faster
				continue
			case err != nil:
				return err
			}
			ended++
			for _, text := range []string{`DELETE FROM sessions WHERE user_id = $1`, `DELETE FROM mail_tokens WHERE user_id = $1`, `DELETE FROM mail_links WHERE user_id = $1`} {
				if _, err := tx.ExecContext(ctx, text, one); err != nil { // primary keys, sessions_by_user
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("end visitors: %w", err)
	}
	return ended, nil
}
