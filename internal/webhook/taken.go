package webhook

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Consumer consumes messages about accounts: it deletes the endpoints of those that were
// deleted.
func (s *Service) Consumer() bus.Consumer {
	return bus.Consumer{Name: "webhook", Topics: []string{userapi.Topic}, Taken: s.taken, Consume: s.consume}
}

func (s *Service) consume(_ context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	var gone []string
	for i := range list {
		if list[i].Type != userapi.TypeDeleted {
			continue
		}
		var m userapi.DeletedMessage
		if err := codec.ReadKnown(list[i].Body, &m); err != nil {
			return nil, bus.Impossible(fmt.Errorf("read the deletion of an account: %w", err))
		}
		gone = append(gone, m.UserID)
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, userID := range gone {
			if err := deleteEndpointsOf(ctx, tx, userID); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// deleteEndpointsOf deletes the endpoints of an organizer. The node that sends sees that
// within a second.
func deleteEndpointsOf(ctx context.Context, tx *sql.Tx, organizerID string) error {
	ids, err := sqldb.Texts(ctx, tx, `SELECT id FROM webhook_endpoints WHERE organizer_id = $1`, organizerID) // webhook_endpoints_by_organizer
	if err != nil {
		return fmt.Errorf("webhooks of a deleted account: %w", err)
	}
	for _, id := range ids {
		if err := deleteEndpoint(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
