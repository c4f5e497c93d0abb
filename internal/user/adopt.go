package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// When two accounts turn out to belong to the same person, the bookings of one are
// moved to the other: adoption. Each adoption is a row until it is done, so neither
// a crash nor a client that disconnects ends it; any node continues those that are
// due.

const (
	adoptAgain  = 30 * time.Second // the first delay; it doubles each time
	adoptsAtOne = 20
)

// adoption is an adoption in progress.
type adoption struct {
	from, to string
	tries    int64
}

// adopt moves a visitor's bookings to the account that turned out to be theirs. A
// hold that would break a limit stays with the visitor, and the error says so (see
// overLimit); everything else has been moved by then. Only guests, and unverified
// accounts of the same address, have anything to move.
func (s *Service) adopt(ctx context.Context, visitor caller.Caller, to *record) error {
	mine := visitor.Visiting() || visitor.SignedIn() && !visitor.Verified && to.Verified && visitor.Email == s.emailKey(to.address()) && to.address() != ""
	if !mine || s.bookings == nil || visitor.UserID == to.ID {
		return nil
	}
	now := s.now()
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return noteAdoption(ctx, tx, visitor.UserID, to.ID, now, now.Add(adoptAgain)) })
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	return s.carryOut(ctx, &adoption{from: visitor.UserID, to: to.ID})
}

func noteAdoption(ctx context.Context, tx *sql.Tx, from, to string, now, next time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO adoptions (from_id, to_id, created_at, tries, next_at) VALUES ($1, $2, $3, 0, $4)
		ON CONFLICT (from_id) DO UPDATE SET to_id = excluded.to_id, next_at = excluded.next_at`, from, to, now.UnixMicro(), next.UnixMicro())
	return err
}

// adoptOrders records that a guest's orders with a verified address belong to an
// account, and that the account's holds count for that address. It runs in the
// transaction that gives the account the address.
func (s *Service) adoptOrders(ctx context.Context, tx *sql.Tx, address, userID string) error {
	now := s.now()
	if err := noteAdoption(ctx, tx, userID, userID, now, now); err != nil {
		return err
	}
	guest, err := guestIDOf(ctx, tx, address)
	if err != nil || guest == "" {
		return err
	}
	return noteAdoption(ctx, tx, guest, userID, now, now)
}

// adoptLater records that what an account's owner bought as a guest belongs to the
// account, in the transaction that starts a session.
func (s *Service) adoptLater(ctx context.Context, tx *sql.Tx, u *record) error {
	if !u.Verified || u.Email == "" {
		return nil
	}
	guest, err := guestIDOf(ctx, tx, u.Email)
	if err != nil || guest == "" {
		return err
	}
	now := s.now()
	return noteAdoption(ctx, tx, guest, u.ID, now, now)
}

func guestIDOf(ctx context.Context, tx *sql.Tx, address string) (guestID string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id FROM users WHERE guest_email = $1`, address).Scan(&guestID) // users_by_guest_email
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return guestID, err
}

// overLimit reports whether an adoption moved everything except holds that would
// break a limit.
func overLimit(err error) bool {
	kind := errs.KindOf(err)
	return err != nil && (kind == errs.Conflict || kind == errs.TooMany)
}

// carryOut performs one adoption. It is finished even if some holds would break a
// limit: those of an account that has gained its address stay with the account, and
// the limit is checked when they are paid.
func (s *Service) carryOut(ctx context.Context, a *adoption) error {
	if s.bookings == nil {
		return nil // they are moved after the next start
	}
	to, err := s.get(ctx, a.to)
	if err != nil && !errors.Is(err, errNoUser) {
		return err
	}
	var refused error
	if err == nil && !to.Disabled { // otherwise nobody could reach the bookings there
		if begun, err := s.beginAdoption(ctx, a); err != nil || !begun {
			return err
		}
		var key caller.EmailKey
		if to.Verified {
			key = s.emailKey(to.address())
		}
		refused = s.bookings.Adopt(ctx, a.from, a.to, key)
		if refused != nil && !overLimit(refused) && errs.KindOf(refused) != errs.NotFound {
			return refused
		}
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM adoptions WHERE from_id = $1 AND to_id = $2`, a.from, a.to); err != nil {
			return err
		}
		return adoptPhone(ctx, tx, a.from, a.to)
	})
	return errors.Join(refused, err)
}

// beginAdoption records that bookings are about to be moved to an account. From then
// on the account cannot be deleted until they have arrived. An account that is
// already being deleted receives none; the adoption is decided when it is next due.
func (s *Service) beginAdoption(ctx context.Context, a *adoption) (begun bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		var closing bool
		if err := s.lockAccount(ctx, tx, a.to); err != nil {
			return err
		}
		row := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM closings WHERE user_id = $1)`, a.to) // primary key
		if err := row.Scan(&closing); err != nil || closing {
			return err
		}
		r, err := tx.ExecContext(ctx, `UPDATE adoptions SET begun = TRUE WHERE from_id = $1 AND to_id = $2`, a.from, a.to) // primary key
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		begun = n == 1
		return err
	})
	if errors.Is(err, errStale) {
		return false, nil
	}
	return begun && err == nil, err
}

// lockAccount locks an account's row until the transaction ends. It fails with
// errStale if there is no such account.
func (s *Service) lockAccount(ctx context.Context, tx *sql.Tx, userID string) error {
	var one string
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT id FROM users WHERE id = $1 /*postgres: FOR UPDATE*/`), userID) // primary key
	return gone(row.Scan(&one))
}

// RunAdoptions continues all adoptions that are due.
func (s *Service) RunAdoptions(ctx context.Context) error {
	if s.bookings == nil {
		return nil
	}
	for {
		due, err := s.dueAdoptions(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		for i := range due {
			if err := s.carryOut(ctx, &due[i]); err != nil && !overLimit(err) {
				s.log.ErrorContext(ctx, "an adoption of bookings waits", "error", err)
			}
		}
	}
}

// finishAdoptions completes an account's adoptions before its owner gets an answer.
func (s *Service) finishAdoptions(ctx context.Context, userID string) error {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT from_id, to_id, tries FROM adoptions WHERE to_id = $1 ORDER BY from_id`, userID) // a handful in all
	if err != nil {
		return fmt.Errorf("adoptions: %w", err)
	}
	defer rows.Close()
	var list []adoption
	for rows.Next() {
		var a adoption
		if err := rows.Scan(&a.from, &a.to, &a.tries); err != nil {
			return fmt.Errorf("adoptions: %w", err)
		}
		list = append(list, a)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("adoptions: %w", err)
	}
	for i := range list {
		if err := s.carryOut(ctx, &list[i]); err != nil && !overLimit(err) {
			return err
		}
	}
	return nil
}

// dueAdoptions claims some adoptions that are due.
func (s *Service) dueAdoptions(ctx context.Context) ([]adoption, error) {
	due, err := takeOn(ctx, s, `SELECT from_id, to_id, tries FROM adoptions WHERE next_at <= $1
		ORDER BY next_at LIMIT $2 /*postgres: FOR UPDATE SKIP LOCKED*/`, adoptsAtOne, // adoptions_due
		func(rows *sql.Rows, a *adoption) error { return rows.Scan(&a.from, &a.to, &a.tries) },
		func(tx *sql.Tx, a adoption, now time.Time) error {
			_, err := tx.ExecContext(ctx, `UPDATE adoptions SET tries = tries + 1, next_at = $1 WHERE from_id = $2`,
				now.Add(adoptAgain<<min(a.tries, 6)).UnixMicro(), a.from)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("adoptions that are due: %w", err)
	}
	return due, nil
}
