package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
)

// Mails that were promised are kept in the table mails until they are handed
// over: what is kept is what a mail is about, not its text, so that secrets are
// made only when it is written. A request counts and adds a row (see ask), whoever
// has an account, and does not wait: its time tells nobody whether an address is
// known. A node that stops leaves its rows to the others, or to its next start.

// noMail is for nodes and tests that send none.
type noMail struct{}

func (noMail) Deliver(context.Context, notifyapi.Mail) error { return nil }

// What mails are about.
const (
	mailVerify  = "verify"  // an address that userID gives
	mailReset   = "reset"   // an address, which may be nobody's
	mailCode    = "code"    // an address that userID gives
	mailChanged = "changed" // userID's password
	mailMoved   = "moved"   // userID's address, told to the one before
)

// How mails are handed over.
const (
	mailsAtOnce = 50
	mailAgain   = 70 * time.Second // at first, then twice as long
	mailTries   = 10
	mailTime    = 10 * time.Second
)

// errand is a mail that is promised.
type errand struct {
	id, kind, userID, address string
	tries                     int64
}

// promise notes a mail, in the transaction of what it is about. The caller calls kick
// afterwards.
func (s *Service) promise(ctx context.Context, tx *sql.Tx, kind, userID, address string) error {
	now := s.now()
	_, err := tx.ExecContext(ctx, `INSERT INTO mails (id, kind, user_id, address, created_at, tries, next_at) VALUES ($1, $2, $3, $4, $5, 0, $5)`,
		id.Token(), kind, userID, address, now.UnixMicro())
	return err
}

// runErrands hands over all mails that are due.
func (s *Service) runErrands(ctx context.Context) error {
	s.handing.Lock()
	defer s.handing.Unlock()
	for {
		due, err := s.dueErrands(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		over := make([]string, 0, len(due))
		for _, e := range due {
			if err := s.errand(ctx, &e); err == nil || s.failed(ctx, &e, err) {
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

// failed notes why a mail was not handed over, and reports whether it is given up;
// else it is tried again. An account that has changed its address while the mail
// was being written is no error: the next try finds out whether there is anything
// left to say.
func (s *Service) failed(ctx context.Context, e *errand, err error) (over bool) {
	switch {
	case e.tries >= mailTries:
		s.note(ctx, fmt.Errorf("given up: %w", err))
		return true
	case !errs.Is(err, "address-changed"):
		s.note(ctx, err)
	}
	return false
}

// dueErrands takes on some mails that are due: other nodes leave them alone for a
// while.
func (s *Service) dueErrands(ctx context.Context) (due []errand, err error) {
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
			var e errand
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

// errand hands one mail over, or finds that there is nothing to say.
func (s *Service) errand(ctx context.Context, e *errand) error {
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	if e.kind == mailReset {
		return s.mailReset(ctx, e.address)
	}
	u, err := s.get(ctx, e.userID)
	if errors.Is(err, errNoUser) || err == nil && u.Disabled {
		return nil // gone meanwhile
	}
	if err != nil {
		return err
	}
	if (e.kind == mailVerify || e.kind == mailCode) && e.address != "" && e.address != u.address() {
		return nil // it gives another one by now
	}
	switch e.kind {
	case mailVerify:
		return s.mailVerification(ctx, &u)
	case mailCode:
		return s.mailCode(ctx, &u)
	case mailChanged:
		return s.send(ctx, u.Email, "Your password was changed", hello(&u)+"your password was changed, and you were signed out on all devices.\n\nIf this was not you, choose a new password at once.")
	case mailMoved:
		return s.send(ctx, e.address, "Your email address was changed", greeting(u.Name)+"your account now has a different email address.\n\nIf this was not you, choose a new password at once and contact us.")
	}
	return nil // of a later version
}

func (s *Service) send(ctx context.Context, to, subject, text string) error {
	if to == "" {
		return nil
	}
	return s.mailer.Deliver(ctx, notifyapi.Mail{To: to, Subject: subject, Text: text})
}

// hello begins a mail to an account. While the address is not confirmed the name
// may be a stranger's words, and is left out.
func hello(u *record) string {
	if !u.Verified {
		return greeting("")
	}
	return greeting(u.Name)
}

// greeting begins a mail. A name is whatever somebody typed: names that a mail
// program could make a link of are left out.
func greeting(name string) string {
	if name == "" || linkable(name) {
		return "Hello,\n\n"
	}
	return "Hello " + name + ",\n\n"
}

// linkable reports whether a name has something like an address of a site or a
// mailbox in it: a scheme, an at sign, a slash or backslash, or a dot (or what
// browsers take for one) with something directly behind it, other than in
// initials such as J.R.
func linkable(name string) bool {
	if strings.ContainsAny(name, "@/\\") || strings.Contains(name, ":") {
		return true
	}
	runes := []rune(name)
	for i, r := range runes {
		if !strings.ContainsRune(".。．｡", r) || i+1 == len(runes) || runes[i+1] == ' ' {
			continue
		}
		if end := i + 2; end < len(runes) && runes[end] != '.' && runes[end] != ' ' {
			return true // more than one letter behind the dot
		}
	}
	return false
}

// mailVerification mails a link and a code by which an address is verified. If
// the address belongs to another account already, the mail says so instead.
func (s *Service) mailVerification(ctx context.Context, u *record) error {
	if u.Verified || u.Email == "" || u.Role == caller.Guest {
		return nil
	}
	owner, err := s.find(ctx, u.Email)
	if err != nil && !errors.Is(err, errNoUser) {
		return err
	}
	if err == nil && owner.Verified && owner.ID != u.ID {
		return s.mailExisting(ctx, &owner)
	}
	token, err := s.newLink(ctx, u.ID, u.Email, toVerify, verifyLife)
	if err != nil {
		return err
	}
	code, left, err := s.issueCode(ctx, u.Email)
	if err != nil {
		return err
	}
	return s.send(ctx, u.Email, "Please confirm your email address", fmt.Sprintf(
		"%ssomebody, probably you, entered this address for an account. If it was you, please confirm it:\n%s/verify?token=%s\n\n"+
			"On that page, sign in to the account or choose a new password for it. After that, the address belongs to this account, and so do orders that you placed with it as a guest.\n\n"+
			"The link is valid for 24 hours. If the page where you signed up asks for a code, it is %s. The code is valid for %d minutes; do not share it.\n\n"+
			"If it was not you, ignore this mail. Nothing will happen.",
		hello(u), s.publicURL, token, grouped(code), int(left.Minutes())))
}

// mailExisting tells the owner of an address that somebody signed up with it.
func (s *Service) mailExisting(ctx context.Context, owner *record) error {
	return s.send(ctx, owner.Email, "You already have an account", fmt.Sprintf(
		"%ssomebody, perhaps you, tried to create an account with this address. You already have one.\n\nPlease sign in:\n%s/sign-in\n\nIf you have forgotten your password, choose a new one:\n%s/forgot\n\nIf it was not you, ignore this mail. Nothing has changed.",
		hello(owner), s.publicURL, s.publicURL))
}

// mailReset mails a link for a new password, if an address is an account's. Of the
// accounts that give an address which nobody has confirmed, those with a second
// factor get one each: they have moved to it, a password alone does not open them,
// and who reads the mail knows which is theirs.
func (s *Service) mailReset(ctx context.Context, address string) error {
	list, err := s.claimants(ctx, address)
	if err != nil || len(list) == 0 {
		return err
	}
	to := list[:1]
	if !list[0].Verified {
		moved, err := s.factors(ctx, address)
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
		if err := s.mailResetTo(ctx, &to[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mailResetTo(ctx context.Context, u *record) error {
	token, err := s.newLink(ctx, u.ID, u.Email, toReset, resetLife)
	if err != nil {
		return err
	}
	return s.send(ctx, u.Email, "Choose a new password", fmt.Sprintf(
		"%schoose a new password here:\n%s/reset?token=%s\n\nThe link works once and is valid for 30 minutes. If you did not request it, ignore this mail. Your password has not changed.",
		hello(u), s.publicURL, token))
}

// mailCode mails the code of the address that an account gives.
func (s *Service) mailCode(ctx context.Context, u *record) error {
	code, left, err := s.issueCode(ctx, u.address())
	if err != nil {
		return err
	}
	return s.send(ctx, u.address(), grouped(code)+" is your code", fmt.Sprintf(
		"%syour code is %s. It is valid for %d minutes.\n\nIf you did not request it, ignore this mail.", hello(u), grouped(code), int(left.Minutes())))
}

// note logs what went wrong asynchronously.
func (s *Service) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "a mail cannot be sent", "error", err)
	}
}
