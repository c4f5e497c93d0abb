package invoice

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// consumeTime is how long issuing the documents of some messages may take.
const consumeTime = 30 * time.Second

// Consumer consumes the messages about payments and money that went back, also in another
// way after a refund has failed.
func (s *Service) Consumer() bus.Consumer {
	return bus.Consumer{Name: "invoices", Topics: []string{paymentapi.Topic, paymentapi.ReturnsTopic, paymentapi.FailedRefundsTopic}, Taken: s.taken, Consume: s.consume}
}

// consume issues the documents that the bookings of some messages call for now. They are
// committed before the messages count as taken: issuing again changes nothing.
func (s *Service) consume(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	ctx, cancel := context.WithTimeout(ctx, consumeTime)
	defer cancel()
	wanted, err := s.events(ctx, list)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	var bookings []string
	for i := range list {
		if !wanted[list[i].Key] {
			continue
		}
		some, err := bookingsOf(&list[i])
		if err != nil {
			return nil, bus.Impossible(err)
		}
		bookings = append(bookings, some...)
	}
	slices.Sort(bookings)
	for chunk := range slices.Chunk(slices.Compact(bookings), issueAtOnce) {
		dues, err := s.due(ctx, chunk)
		if err == nil {
			err = s.issue(ctx, dues)
		}
		switch {
		case errs.Lasting(err):
			return nil, bus.Impossible(err)
		case errs.KindOf(err) == errs.Unavailable:
			return nil, bus.NotNow(err)
		case err != nil:
			return nil, err
		}
	}
	return nil, s.forgetBuyers(ctx) // after those who have paid have got their invoices
}

// events returns which of the messages' events have a seller with details.
func (s *Service) events(ctx context.Context, list []bus.Message) (map[string]bool, error) {
	if any, err := s.store.any(ctx); err != nil || !any {
		return nil, err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].Key
	}
	slices.Sort(ids)
	events, err := s.cfg.Events.Events(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var sellerIDs []string
	for _, e := range events {
		sellerIDs = append(sellerIDs, sellerOf(e.OrganizerID))
	}
	slices.Sort(sellerIDs)
	sellers, err := s.store.sellers(ctx, slices.Compact(sellerIDs))
	wanted := map[string]bool{}
	for id, e := range events {
		if sellers[sellerOf(e.OrganizerID)].Version > 0 {
			wanted[id] = true
		}
	}
	return wanted, err
}

// bookingsOf are the bookings that a message is about.
func bookingsOf(m *bus.Message) (ids []string, err error) {
	unreadable := ""
	switch m.Topic {
	case paymentapi.Topic:
		var body paymentapi.CapturedMessage
		err, unreadable = codec.ReadKnown(m.Body, &body), body.Unreadable
		for _, c := range body.Payments {
			ids = append(ids, c.BookingID())
		}
	case paymentapi.FailedRefundsTopic:
		var body paymentapi.FailedRefundsMessage
		err, unreadable = codec.ReadKnown(m.Body, &body), body.Unreadable
		for _, f := range body.Refunds {
			if f.Handled {
				ids = append(ids, f.BookingID)
			}
		}
	default:
		var body paymentapi.ReturnedMessage
		err, unreadable = codec.ReadKnown(m.Body, &body), body.Unreadable
		for _, r := range body.Returned {
			ids = append(ids, r.BookingID())
		}
	}
	if err == nil && unreadable != "" {
		err = errors.New("its row in the outbox cannot be read")
	}
	if err != nil {
		return nil, fmt.Errorf("invoices of %s %s: %w", m.Topic, m.ID, err)
	}
	return ids, nil
}
