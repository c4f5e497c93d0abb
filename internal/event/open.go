package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/userapi"
)

// HasOpen reports whether an organizer has drafts, or events that are neither past nor
// cancelled.
func (s *Service) HasOpen(ctx context.Context, organizerID string) (bool, error) {
	if organizerID == "" { // events of the house belong to no account
		return false, nil
	}
	var one int
	err := s.db.Reader().QueryRowContext(ctx, `SELECT 1 FROM events AS e WHERE e.organizer_id = $1 AND
		(e.status = 'draft' OR e.status <> 'cancelled' AND NOT `+overSQL(s.now().UnixMicro())+`) LIMIT 1`, organizerID).Scan(&one) // events_by_organizer
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open events: %w", err)
	}
	return true, nil
}

// cancelledAtOnce is how many events CancelOpen reads at once.
const cancelledAtOnce = 100

// CancelOpen cancels an organizer's drafts and the events that are neither past nor
// cancelled.
func (s *Service) CancelOpen(ctx context.Context, organizerID string) error {
	if organizerID == "" {
		return nil
	}
	var failed error // a failure does not keep the other events on sale
	for _, status := range []eventapi.Status{eventapi.Draft, eventapi.Upcoming} {
		f := eventapi.Filter{Organizer: organizerID, Status: status, Limit: cancelledAtOnce}
		for more := true; more; more = f.Cursor != "" {
			list, next, err := s.list(ctx, s.db.Reader(), caller.System, f)
			if err != nil {
				return errors.Join(failed, err)
			}
			for i := range list {
				if _, err := s.cancel(ctx, caller.System, list[i].ID, 0); err != nil {
					failed = errors.Join(failed, err)
				}
			}
			f.Cursor = next
		}
	}
	return failed
}

// organizersGone cancels the open events of deleted accounts.
func (s *Service) organizersGone(ctx context.Context, list []bus.Message) error {
	for i := range list {
		if list[i].Type != userapi.TypeDeleted {
			continue
		}
		var m userapi.DeletedMessage
		if err := codec.ReadKnown(list[i].Body, &m); err != nil {
			return bus.Impossible(fmt.Errorf("read the deletion of an account: %w", err))
		}
		if err := s.CancelOpen(ctx, m.UserID); err != nil {
			if err = fmt.Errorf("cancel the events of a deleted account: %w", err); errs.KindOf(err) == errs.Unavailable {
				err = bus.NotNow(err)
			}
			return err
		}
	}
	return nil
}
