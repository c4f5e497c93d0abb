package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// An account is deleted while requests of its owner may be under way on any node:
// purchases, gifts, new events. Those requests were authenticated before the deletion,
// and none of them looks the account up again. So:
//
// 1. The deletion is recorded. From then on no adoption into the account begins, and
// none is in progress.
// 2. Expired holds are given up, so no payment can book them any more. If the account
// has live bookings by now, it stays, and the record is removed.
// 3. The account is anonymized, if the record still exists.
// 4. A message (topic "users") says so to the other services, in the same transaction,
// and again repeatedly for a day. They forget the account, and undo what requests under
// way have done since the last check: bookings are given up, and payments for them
// refunded in full. Bookings that the check had ignored because their event was over
// stay: they were used. Events that the account has by then, including drafts, are
// cancelled: the last check found none, and nobody is left to hold them.

const (
	closingAgain = 30 * time.Second // the first delay; it doubles each time
	closingFor   = 24 * time.Hour   // longer than any hold, payment or request
	closesAtOnce = 20
)

// closing is the record of a deletion.
type closing struct {
	userID string
	since  int64 // µs since 1970: when it was noted, and then when the last look was
	done   bool
	tries  int64
}

// Delete anonymizes an account and ends its sessions. Owners repeat their password,
// if they have one. It is refused while the account has live bookings; bookings made
// at the same moment are undone. A version other than 0 must be the account's.
func (s *Service) Delete(ctx context.Context, caller caller.Caller, userID string, version int64, password string) error {
	u, err := s.visible(ctx, caller, userID)
	if err != nil {
		return err
	}
	if version != 0 && version != u.Version {
		return errs.New(errs.Precondition, "changed-meanwhile", "The account has changed since you read it.")
	}
	if caller.UserID == userID && u.hasPassword() {
		if err := s.checkPassword(ctx, &u, password); err != nil {
			return err
		}
	}
	if err := s.MayLeave(ctx, userID, s.now().UnixMicro()); err != nil {
		return err
	}
	mine, err := s.noteClosing(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.anonymize(ctx, u); err != nil {
		if mine {
			err = errors.Join(err, s.endClosing(context.WithoutCancel(ctx), userID))
		}
		return err
	}
	s.outbox.Bell().Ring()
	return nil
}

// Outbox holds the messages about accounts.
func (s *Service) Outbox() bus.Outbox { return s.outbox }

// deletion is what other services are told of an account that was deleted after a check
// at a time (µs since 1970). Bookings for events that were over then stay: MayLeave
// ignored them, and nobody gets money back for an event that has taken place.
func (s *Service) deletion(ctx context.Context, userID string, looked int64) (bus.Draft, error) {
	m := userapi.DeletedMessage{UserID: userID, Since: looked - clocksDiffer.Microseconds()}
	if s.bookings != nil {
		list, err := s.heldOrSold(ctx, userID)
		if err == nil {
			m.Spared, err = s.over(ctx, list, looked)
		}
		if err != nil {
			return bus.Draft{}, err
		}
		slices.Sort(m.Spared)
	}
	body, err := codec.Marshal(m)
	return bus.Draft{Key: userID, Type: userapi.TypeDeleted, Body: body}, err
}

// MayLeave returns an error while an account has bookings or events that need an
// owner. Bookings for events that are over at the given time do not count.
func (s *Service) MayLeave(ctx context.Context, userID string, at int64) error {
	live, err := s.hasLive(ctx, userID, at)
	if err != nil {
		return err
	}
	if live {
		return errs.New(errs.Conflict, "has-live-bookings", "The account has live bookings; cancel them first.")
	}
	if s.events == nil {
		return nil
	}
	open, err := s.events.HasOpen(ctx, userID)
	if err == nil && open {
		err = errs.New(errs.Conflict, "has-open-events", "The account has drafts or events that are not over; cancel them first.")
	}
	return err
}

// noteClosing records that an account is being deleted, and reports whether it was
// not recorded before. It fails with errStale while bookings are being moved to the
// account.
func (s *Service) noteClosing(ctx context.Context, userID string) (mine bool, err error) {
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.lockAccount(ctx, tx, userID); err != nil {
			return err
		}
		var coming bool
		row := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM adoptions WHERE to_id = $1 AND from_id <> $1 AND begun)`, userID) // a handful in all
		if err := row.Scan(&coming); err != nil {
			return err
		}
		if coming {
			return errStale
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO closings (user_id, since, done, tries, next_at) VALUES ($1, $2, FALSE, 0, $3) ON CONFLICT (user_id) DO NOTHING`,
			userID, now.UnixMicro(), now.Add(closingAgain).UnixMicro())
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		mine = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("note deletion of an account: %w", err)
	}
	return mine, nil
}

// anonymize performs a recorded deletion.
func (s *Service) anonymize(ctx context.Context, u record) error {
	if s.bookings != nil { // expired holds could still be paid
		if err := s.bookings.GiveUp(ctx, u.ID, 0, nil); err != nil {
			return err
		}
	}
	looked := s.now().UnixMicro()
	if err := s.MayLeave(ctx, u.ID, looked); err != nil {
		return err
	}
	told, err := s.deletion(ctx, u.ID, looked)
	if err != nil {
		return err
	}
	before := u.Version
	u.Email, u.Contact, u.Username, u.Name, u.Phone, u.hash, u.Disabled, u.Verified, u.Version = "", "", "", "deleted account", "", "", true, false, u.Version+1
	return s.replace(ctx, &u, before, sessionsEnd, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE closings SET done = TRUE, since = $1, next_at = $2 WHERE user_id = $3`,
			looked, s.now().Add(closingAgain).UnixMicro(), u.ID) // primary key
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 { // it took too long
			return errors.Join(err, errStale)
		}
		for _, text := range []string{`UPDATE users SET guest_email = NULL, totp_secret = '', totp_active = FALSE WHERE id = $1`,
			`DELETE FROM recovery_codes WHERE user_id = $1`, `DELETE FROM known_networks WHERE user_id = $1`, `DELETE FROM mails WHERE user_id = $1`,
			`DELETE FROM adoptions WHERE to_id = $1`} { // a guest's orders stay with the guest
			if _, err := tx.ExecContext(ctx, text, u.ID); err != nil {
				return err
			}
		}
		if err := dropTokens(ctx, tx, u.ID); err != nil {
			return err
		}
		return s.outbox.Add(ctx, tx, told)
	})
}

func (s *Service) endClosing(ctx context.Context, userID string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM closings WHERE user_id = $1 AND NOT done`, userID) // primary key
		return err
	})
}

// RunClosings says again which accounts were deleted, where that is due.
func (s *Service) RunClosings(ctx context.Context) error {
	for {
		due, err := s.dueClosings(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, c := range due {
			if err := s.sayAgain(ctx, c); err != nil {
				s.log.ErrorContext(ctx, "the deletion of an account waits to be told again", "error", err)
			}
		}
	}
}

// sayAgain tells the other services once more that an account was deleted. The record is
// removed after a day, or at once if the deletion was not carried out.
func (s *Service) sayAgain(ctx context.Context, c closing) error {
	if !c.done {
		return s.endClosing(ctx, c.userID)
	}
	told, err := s.deletion(ctx, c.userID, c.since)
	if err != nil {
		return err
	}
	text := `UPDATE closings SET done = TRUE WHERE user_id = $1 AND done` // primary key
	if s.now().UnixMicro()-c.since >= closingFor.Microseconds() {
		text = `DELETE FROM closings WHERE user_id = $1 AND done`
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, text, c.userID)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 { // another node was faster
			return err
		}
		return s.outbox.Add(ctx, tx, told)
	})
	if err == nil {
		s.outbox.Bell().Ring()
	}
	return err
}

// dueClosings claims some deletions that are due for another check.
func (s *Service) dueClosings(ctx context.Context) ([]closing, error) {
	due, err := takeOn(ctx, s, `SELECT user_id, since, done, tries FROM closings WHERE next_at <= $1
		ORDER BY next_at LIMIT $2 /*postgres: FOR UPDATE SKIP LOCKED*/`, closesAtOnce, // closings_due
		func(rows *sql.Rows, c *closing) error { return rows.Scan(&c.userID, &c.since, &c.done, &c.tries) },
		func(tx *sql.Tx, c closing, now time.Time) error {
			_, err := tx.ExecContext(ctx, `UPDATE closings SET tries = tries + 1, next_at = $1 WHERE user_id = $2`,
				now.Add(closingAgain<<min(c.tries, 6)).UnixMicro(), c.userID)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("deletions to be looked after: %w", err)
	}
	return due, nil
}
