package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/webhookapi"
)

const (
	keepEvery  = time.Minute
	dropAtOnce = 500 // rows in one transaction
)

// keep does what can wait a minute, while this node has the lease: it gives up deliveries
// that are too old, tells organizers whose endpoints were switched off, and empties the
// log.
func (s *Service) keep(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, keepEvery, nil, func(ctx context.Context) error {
		err := jobs.Catch(func() error {
			if !s.lease.Held(ctx) {
				return jobs.ErrNotOver
			}
			return s.Keep(ctx)
		})
		trouble.Log(ctx, s.log, slog.LevelWarn, "webhooks are not looked after", err)
		return nil
	})
}

// Keep does all this once.
func (s *Service) Keep(ctx context.Context) error {
	list, err := s.store.endpoints(ctx, "")
	if err != nil {
		return err
	}
	var failed []error
	for i := range list {
		failed = append(failed, s.keepOne(ctx, &list[i]))
	}
	return errors.Join(append(failed, s.dropMessages(ctx), s.countWaiting(ctx))...)
}

func (s *Service) keepOne(ctx context.Context, e *endpoint) error {
	if e.OrganizerID == "" {
		return s.clear(ctx, e.ID)
	}
	if err := s.giveUpOld(ctx, e.ID); err != nil {
		return err
	}
	if err := s.dropDeliveries(ctx, e.ID); err != nil {
		return err
	}
	if !e.noticeDue {
		return nil
	}
	if err := s.tell(ctx, e); err != nil {
		return fmt.Errorf("tell that webhook %s was switched off: %w", e.ID, err)
	}
	return wrapped("note a notice", s.store.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET notice_due = FALSE WHERE id = $1`, e.ID)
		return err
	}))
}

// giveUpOld gives up deliveries whose endpoint failed for so long that they did not get
// all of their attempts.
func (s *Service) giveUpOld(ctx context.Context, endpointID string) error {
	return s.inChunks(ctx, "give deliveries up", func(tx *sql.Tx) (int64, error) {
		return affected(tx.ExecContext(ctx, `UPDATE webhook_deliveries SET status = 'failed' WHERE endpoint_id = $1 AND message_id IN (SELECT message_id FROM webhook_deliveries
			WHERE endpoint_id = $1 AND status = 'waiting' AND began_at < $2 LIMIT $3)`,
			endpointID, s.now().Add(-deliveryLife).UnixMicro(), dropAtOnce)) // webhook_deliveries_due
	})
}

// clear deletes what is left of an endpoint that was deleted.
func (s *Service) clear(ctx context.Context, endpointID string) error {
	const some = ` WHERE endpoint_id = $1 AND message_id IN (SELECT message_id FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY message_id LIMIT $2)` // primary key
	return s.inChunks(ctx, "delete webhook", func(tx *sql.Tx) (int64, error) {
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_attempts`+some, endpointID, dropAtOnce); err != nil {
			return 0, err
		}
		n, err := affected(tx.ExecContext(ctx, `DELETE FROM webhook_deliveries`+some, endpointID, dropAtOnce))
		if err == nil && n < dropAtOnce {
			_, err = tx.ExecContext(ctx, `DELETE FROM webhook_endpoints WHERE id = $1`, endpointID)
		}
		return n, err
	})
}

// dropDeliveries deletes what is too old for the log, and waits for nothing.
func (s *Service) dropDeliveries(ctx context.Context, endpointID string) error {
	const old = ` WHERE endpoint_id = $1 AND message_id IN (SELECT message_id FROM webhook_deliveries
		WHERE endpoint_id = $1 AND at < $2 AND status <> 'waiting' ORDER BY at LIMIT $3)` // webhook_deliveries_log
	return s.inChunks(ctx, "empty the log", func(tx *sql.Tx) (int64, error) {
		args := []any{endpointID, s.now().Add(-webhookapi.LogTime).UnixMicro(), dropAtOnce}
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_attempts`+old, args...); err != nil {
			return 0, err
		}
		return affected(tx.ExecContext(ctx, `DELETE FROM webhook_deliveries`+old, args...))
	})
}

// dropMessages deletes messages that no log shows any more. Deliveries of the last days
// that are still to be tried are younger.
func (s *Service) dropMessages(ctx context.Context) error {
	return s.inChunks(ctx, "delete old messages", func(tx *sql.Tx) (int64, error) {
		return affected(tx.ExecContext(ctx, `DELETE FROM webhook_messages WHERE id IN (SELECT id FROM webhook_messages WHERE at < $1 ORDER BY at LIMIT $2)`,
			s.now().Add(-webhookapi.LogTime-2*deliveryLife).UnixMicro(), dropAtOnce)) // webhook_messages_by_time
	})
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// inChunks repeats a small transaction until there is nothing left to do.
func (s *Service) inChunks(ctx context.Context, doing string, do func(tx *sql.Tx) (int64, error)) error {
	for ctx.Err() == nil {
		var n int64
		err := s.store.db.Write(ctx, func(tx *sql.Tx) (err error) {
			n, err = do(tx)
			return err
		})
		if err != nil {
			return wrapped(doing, err)
		}
		if n < dropAtOnce {
			return nil
		}
	}
	return ctx.Err()
}

// tell tells an organizer that an endpoint was switched off: once for each time, since
// switching it on again changes its pokes.
func (s *Service) tell(ctx context.Context, e *endpoint) error {
	if s.notices == nil {
		return nil
	}
	people, err := s.accounts.People(ctx, []string{e.OrganizerID})
	to := people[e.OrganizerID]
	if err != nil || to.Email == "" {
		return err
	}
	return s.notices.Notify(ctx, []notifyapi.Notice{{
		ID: "webhook/" + e.ID + "/" + strconv.FormatInt(e.pokes, 10), Kind: notifyapi.WebhookOff,
		To: to.Email, Name: to.Name, Lang: to.Lang, UserID: e.OrganizerID,
		Data: notifyapi.Data{Link: s.base + "/organizer/webhooks/" + e.ID, Webhook: &notifyapi.Webhook{URL: e.URL, Gone: e.OffBecause == webhookapi.ByGone}},
	}})
}
