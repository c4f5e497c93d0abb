package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
)

// Promised mails are kept in the table mails until the Notification Service has taken
// them. The table stores what a mail is about, not what it says, so that secrets are
// generated only when it is handed over. A request counts the mail and adds a row (see
// ask), whether or not there is an account, and does not wait; so its duration does not
// reveal whether an address is known. When a node stops, other nodes hand its mails
// over, or it does after its next start.

// noMail is the Notification Service of nodes and tests that send no mail.
type noMail struct{}

func (noMail) Notify(context.Context, []notifyapi.Notice) error { return nil }

func (noMail) Forget(context.Context, string) error { return nil }

// Kinds of mails.
const (
	mailVerify  = "verify"  // an address that userID gives
	mailReset   = "reset"   // an address, which may be nobody's
	mailCode    = "code"    // an address that userID gives
	mailChanged = "changed" // to userID, after a new password
	mailMoved   = "moved"   // to userID's old address, after a new one
)

// How mails are handed over.
const (
	mailsAtOnce = 50
	mailAgain   = 70 * time.Second // at first, then twice as long
	mailTries   = 10
	mailTime    = 10 * time.Second
)

// dueMail is a mail that has been promised and not yet sent.
type dueMail struct {
	id, kind, userID, address string
	tries                     int64
}

// promise records a mail, in the transaction that causes it. The caller calls kick
// afterwards.
func (s *Service) promise(ctx context.Context, tx *sql.Tx, kind, userID, address string) error {
	now := s.now()
	_, err := tx.ExecContext(ctx, `INSERT INTO mails (id, kind, user_id, address, created_at, tries, next_at) VALUES ($1, $2, $3, $4, $5, 0, $5)`,
		id.Token(), kind, userID, address, now.UnixMicro())
	return err
}

// runMails sends all mails that are due.
func (s *Service) runMails(ctx context.Context) error {
	s.handing.Lock()
	defer s.handing.Unlock()
	for {
		due, err := s.dueMails(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		over := make([]string, 0, len(due))
		for _, e := range due {
			if err := s.deliver(ctx, &e); err == nil || s.failed(ctx, &e, err) {
				over = append(over, e.id)
			}
		}
		err = s.db.Write(ctx, func(tx *sql.Tx) error {
			for _, one := range over {
				if _, err := tx.ExecContext(ctx, `DELETE FROM mails WHERE id = $1`, one); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("mails that are handed over: %w", err)
		}
	}
}

// failed logs why a mail was not sent, and reports whether it is given up; otherwise
// it is retried. It is not an error if the account changed its address while the
// mail was being written: the retry finds out whether a mail is still needed.
func (s *Service) failed(ctx context.Context, e *dueMail, err error) (over bool) {
	switch {
	case e.tries >= mailTries:
		s.note(ctx, fmt.Errorf("given up: %w", err))
		return true
	case !errs.Is(err, "address-changed"):
		s.note(ctx, err)
	}
	return false
}

// dueMails claims some mails that are due; other nodes leave them alone for a while.
func (s *Service) dueMails(ctx context.Context) (due []dueMail, err error) {
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		due = nil
		rows, err := tx.QueryContext(ctx, s.db.Text(`SELECT id, kind, user_id, address, tries FROM mails WHERE next_at <= $1
			ORDER BY next_at, created_at LIMIT $2 /*postgres: FOR UPDATE SKIP LOCKED*/`), now.UnixMicro(), mailsAtOnce) // mails_due
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e dueMail
			if err := rows.Scan(&e.id, &e.kind, &e.userID, &e.address, &e.tries); err != nil {
				return err
			}
			due = append(due, e)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for i := range due {
			e := &due[i]
			next := now.Add(mailAgain << min(e.tries, 6))
			e.tries++
			if _, err := tx.ExecContext(ctx, `UPDATE mails SET tries = $1, next_at = $2 WHERE id = $3`, e.tries, next.UnixMicro(), e.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mails that are due: %w", err)
	}
	return due, nil
}

// deliver hands one mail over, or finds that there is nothing to send. It may be called
// again for a mail that was handed over: the notice has the same id, and the first one
// counts, whose secrets stay valid.
func (s *Service) deliver(ctx context.Context, e *dueMail) error {
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	if e.kind == mailReset {
		return s.mailReset(ctx, e)
	}
	u, err := s.get(ctx, e.userID)
	if errors.Is(err, errNoUser) || err == nil && u.Disabled {
		return nil // the account is gone
	}
	if err != nil {
		return err
	}
	if (e.kind == mailVerify || e.kind == mailCode) && e.address != "" && e.address != u.address() {
		return nil // it gives another address by now
	}
	switch e.kind {
	case mailVerify:
		return s.mailVerification(ctx, e, &u)
	case mailCode:
		return s.mailCode(ctx, e, &u)
	case mailChanged:
		return s.notify(ctx, e.notice(notifyapi.PasswordChanged, &u, u.Email))
	case mailMoved:
		n := e.notice(notifyapi.AddressChanged, &u, e.address)
		n.Name = u.Name // the old address was verified
		return s.notify(ctx, n)
	}
	return nil // a kind of a later version
}

// notice begins the notice of a mail. It leaves out the name until the address is
// verified, since a stranger may have chosen it.
func (e *dueMail) notice(kind notifyapi.Kind, u *record, to string) notifyapi.Notice {
	n := notifyapi.Notice{ID: "user/" + e.id, Kind: kind, To: to, Lang: u.Lang, UserID: u.ID}
	if u.Verified {
		n.Name = u.Name
	}
	return n
}

// notify hands a notice over, unless nobody would get it.
func (s *Service) notify(ctx context.Context, n notifyapi.Notice) error {
	if n.To == "" {
		return nil
	}
	return s.notices.Notify(ctx, []notifyapi.Notice{n})
}

// mailVerification mails a link and a code that verify an address. If the address
// already belongs to another account, the mail says so instead.
func (s *Service) mailVerification(ctx context.Context, e *dueMail, u *record) error {
	if u.Verified || u.Email == "" || u.Role == caller.Guest {
		return nil
	}
	owner, err := s.find(ctx, u.Email)
	if err != nil && !errors.Is(err, errNoUser) {
		return err
	}
	if err == nil && owner.Verified && owner.ID != u.ID { // tells the owner that somebody tried to sign up with the address
		n := e.notice(notifyapi.AccountExists, &owner, owner.Email)
		n.Data = notifyapi.Data{Link: s.publicURL + "/sign-in", Forgot: s.publicURL + "/forgot"}
		return s.notify(ctx, n)
	}
	token, err := s.newLink(ctx, u.ID, u.Email, toVerify, verifyLife)
	if err != nil {
		return err
	}
	code, left, err := s.issueCode(ctx, u.Email)
	if err != nil {
		return err
	}
	n := e.notice(notifyapi.Verify, u, u.Email)
	n.Until = s.now().Add(verifyLife)
	n.Data = notifyapi.Data{Link: s.publicURL + "/verify?token=" + token, Code: grouped(code), Minutes: int(left.Minutes())}
	return s.notify(ctx, n)
}

// mailReset mails a link for a new password, if there is an account with the
// address. If nobody has verified the address, each account with a second factor
// that gives it gets a mail of its own: such an account was moved to the address, a
// password alone does not open it, and its owner knows which one it is.
func (s *Service) mailReset(ctx context.Context, e *dueMail) error {
	list, err := s.claimants(ctx, e.address)
	if err != nil || len(list) == 0 {
		return err
	}
	to := list[:1]
	if !list[0].Verified {
		moved, err := s.factors(ctx, e.address)
		if err != nil {
			return err
		}
		moved = slices.DeleteFunc(moved, func(u record) bool { return u.Disabled })
		if len(moved) > 0 {
			to = moved[:min(len(moved), mostClaimants)]
		}
	}
	for i := range to {
		if to[i].Disabled {
			continue
		}
		if err := s.mailResetTo(ctx, e, &to[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mailResetTo(ctx context.Context, e *dueMail, u *record) error {
	token, err := s.newLink(ctx, u.ID, u.Email, toReset, resetLife)
	if err != nil {
		return err
	}
	n := e.notice(notifyapi.Reset, u, u.Email)
	n.ID += "/" + u.ID
	n.Until = s.now().Add(resetLife)
	n.Data = notifyapi.Data{Link: s.publicURL + "/reset?token=" + token}
	return s.notify(ctx, n)
}

// mailCode mails the code of an account's address.
func (s *Service) mailCode(ctx context.Context, e *dueMail, u *record) error {
	code, left, err := s.issueCode(ctx, u.address())
	if err != nil {
		return err
	}
	n := e.notice(notifyapi.Code, u, u.address())
	n.Until = s.now().Add(left)
	n.Data = notifyapi.Data{Code: grouped(code), Minutes: int(left.Minutes())}
	return s.notify(ctx, n)
}

// note logs a failure of background work.
func (s *Service) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "a mail cannot be handed over", "error", err)
	}
}
