package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Consumer consumes messages about accounts, to delete the endpoints of those that were
// deleted, and about refunds whose money came back.
func (s *Service) Consumer() bus.Consumer {
	return bus.Consumer{Name: "webhook", Topics: []string{userapi.Topic, paymentapi.FailedRefundsTopic}, Taken: s.taken, Consume: s.consume}
}

func (s *Service) consume(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	if list[0].Topic == paymentapi.FailedRefundsTopic {
		return s.cameBack(ctx, list)
	}
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

// cameBack has the refunds awaited again whose money came back, as far as an organizer
// wants to know: payment.refunded was told, and they are not over after all. Refunds that
// were never made are awaited still.
func (s *Service) cameBack(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	var waits []awaited
	var events []string
	for i := range list {
		var m paymentapi.FailedRefundsMessage
		err := codec.ReadKnown(list[i].Body, &m)
		if err == nil && m.Unreadable != "" {
			err = errors.New("its row in the outbox cannot be read")
		}
		if err != nil {
			return nil, bus.Impossible(fmt.Errorf("read failed refunds: %w", err))
		}
		for _, f := range m.Refunds {
			if f.CameBack {
				event := id.Event(f.BookingID)
				events = append(events, event)
				waits = append(waits, awaited{eventID: event, seq: f.Seq, bookingID: f.BookingID, refund: true, at: f.At})
			}
		}
	}
	if len(waits) == 0 {
		return nil, nil
	}
	known, err := s.events.Events(ctx, events)
	if err != nil {
		return nil, err
	}
	whose := map[string]bool{}
	for i := range waits {
		w := &waits[i]
		if w.organizerID = known[w.eventID].OrganizerID; w.organizerID != "" {
			whose[w.organizerID] = true
		}
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		to, err := s.store.receivers(ctx, tx, whose)
		if err != nil {
			return err
		}
		for i := range waits {
			if w := &waits[i]; to.await(w) {
				if err := awaitAgain(ctx, tx, *w, s.now()); err != nil {
					return err
				}
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
