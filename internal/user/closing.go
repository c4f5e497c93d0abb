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

// How an account is deleted while requests of it are under way on any node: purchases,
// gifts, new events. Those requests were authenticated before the deletion, and none
// of them looks the account up again. So:
//
//  1. The deletion is noted. No adoption into the account begins from then on, and
//     one that has begun is over.
//  2. Holds that have ended are given up: no payment books them any more. If the
//     account has something by now, it stays, and the note goes.
//  3. The account is made anonymous, if its note is still there.
//  4. What was held since the last look, by requests that were under way, is given up,
//     and what was paid for it goes back in full: at once, and now and then for a day.
//     What that look has passed over, since its event was over, stays: it was used.
//     Events that the account has by then, drafts too, are cancelled: the last look
//     found none, and nobody is left who could hold them.

const (
	closingAgain = 30 * time.Second // at first, then twice as long
	closingFor   = 24 * time.Hour   // longer than any hold, payment or request
	closesAtOnce = 20
)

// closing is a deletion that was noted.
type closing struct {
	userID string
	since  int64 // µs since 1970: when it was noted, and then when the last look was
	done   bool
	tries  int64
}

// Delete anonymizes an account and ends its sessions. Its owner gives the
// password once more, if it has one. It is refused while the account has live
// bookings; those that come in the same moment are undone. Version, if not 0, must be
// the account's.
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
	looked, err := s.anonymize(ctx, u)
	if err != nil {
		if mine {
			err = errors.Join(err, s.endClosing(context.WithoutCancel(ctx), userID))
		}
		return err
	}
	s.tellUndone(ctx, s.Undo(context.WithoutCancel(ctx), userID, looked))
	return nil
}

// Undo gives up what a deleted account has got since a time (µs since 1970), and
// cancels its open events. It may be called again.
func (s *Service) Undo(ctx context.Context, userID string, since int64) error {
	var events error
	purchases := s.giveUp(ctx, userID, since)
	if s.events != nil {
		events = s.events.CancelOpen(ctx, userID)
	}
	return errors.Join(purchases, events)
}

func (s *Service) tellUndone(ctx context.Context, err error) {
	if err != nil {
		s.log.ErrorContext(ctx, "purchases and events of a deleted account wait to be undone", "error", err)
	}
}

// MayLeave refuses while an account has bookings or events that somebody has to
// answer for; bookings for events that are over at a time do not count.
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

// noteClosing notes that an account is being deleted, and reports whether it was not
// noted before. It fails with errStale while bookings are on their way to the account.
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

// anonymize is what makes a deletion that was noted. It answers when it has looked
// whether the account may leave, µs since 1970.
func (s *Service) anonymize(ctx context.Context, u record) (looked int64, err error) {
	if err := s.giveUp(ctx, u.ID, 0); err != nil {
		return 0, err
	}
	looked = s.now().UnixMicro()
	if err := s.MayLeave(ctx, u.ID, looked); err != nil {
		return 0, err
	}
	before := u.Version
	u.Email, u.Contact, u.Username, u.Name, u.hash, u.Disabled, u.Verified, u.Version = "", "", "", "deleted account", "", true, false, u.Version+1
	return looked, s.replace(ctx, &u, before, sessionsEnd, func(tx *sql.Tx) error {
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
			`DELETE FROM adoptions WHERE to_id = $1`} { // a guest's orders stay the guest's
			if _, err := tx.ExecContext(ctx, text, u.ID); err != nil {
				return err
			}
		}
		return dropTokens(ctx, tx, u.ID)
	})
}

func (s *Service) endClosing(ctx context.Context, userID string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM closings WHERE user_id = $1 AND NOT done`, userID) // primary key
		return err
	})
}

// RunClosings undoes what deleted accounts have got since their deletion, where that
// is due.
func (s *Service) RunClosings(ctx context.Context) error {
	if s.bookings == nil && s.events == nil {
		return nil
	}
	for {
		due, err := s.dueClosings(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, c := range due {
			s.tellUndone(ctx, s.lookAfter(ctx, c))
		}
	}
}

// lookAfter undoes what a deleted account has got. The note goes after a day, and at
// once if the deletion was not carried out.
func (s *Service) lookAfter(ctx context.Context, c closing) error {
	if c.done {
		if err := s.Undo(ctx, c.userID, c.since); err != nil {
			return err
		}
		if s.now().UnixMicro()-c.since < closingFor.Microseconds() {
			return nil
		}
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM closings WHERE user_id = $1 AND done = $2`, c.userID, c.done) // primary key
		return err
	})
}

// dueClosings takes on some deletions that are to be looked after.
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
