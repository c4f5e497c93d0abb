// Package occasion makes notices and mailings of the messages of other services: payments
// that were captured, went back or are disputed, refunds that have failed, events that were
// moved or cancelled. It also takes the
// messages that accounts were deleted, and forgets their owners.
//
// Notices and mailings are stored in the transaction that records the messages as taken,
// so that each is made once.
package occasion

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Name is the consumer's name.
const Name = "notify"

// tellTime is how long collecting what there is to tell of some messages may take.
const tellTime = 30 * time.Second

// Config says what the consumer needs of others.
type Config struct {
	Taken    *bus.Taken
	Letters  Letters
	Notices  Notices
	Mailings Mailings // nil: nobody is told of events
}

// Letters collects what there is to tell of payments.
type Letters interface {
	Paid(ctx context.Context, list []paymentapi.Capture) ([]notifyapi.Notice, error)
	Returned(ctx context.Context, list []paymentapi.Return) ([]notifyapi.Notice, error)
	Disputed(ctx context.Context, list []paymentapi.Dispute) ([]notifyapi.Notice, error)
	RefundsFailed(ctx context.Context, list []paymentapi.FailedRefund) ([]notifyapi.Notice, error)
}

// Notices is the Notification Service, to which the consumer belongs.
type Notices interface {
	notifyapi.Service
	// Prepare is Notify in a transaction of the caller. Wake has the service look for what
	// was stored so.
	Prepare(list []notifyapi.Notice) (write func(ctx context.Context, tx *sql.Tx) error, err error)
	Wake()
}

// Mailings says which mailings tell of changes of events, and begins them.
type Mailings interface {
	Due(ctx context.Context, list []eventapi.Settled) ([]notifyapi.Mailing, error)
	AddMailing(ctx context.Context, tx *sql.Tx, m notifyapi.Mailing) error
}

// Occasions is a consumer of the bus.
type Occasions struct{ cfg Config }

// New makes the consumer.
func New(cfg Config) *Occasions { return &Occasions{cfg} }

// Consumer consumes the messages about payments, accounts and events.
func (o *Occasions) Consumer() bus.Consumer {
	topics := []string{paymentapi.Topic, paymentapi.ReturnsTopic, paymentapi.DisputesTopic, paymentapi.FailedRefundsTopic, userapi.Topic}
	if o.cfg.Mailings != nil {
		topics = append(topics, eventapi.Topic)
	}
	return bus.Consumer{Name: Name, Topics: topics, Taken: o.cfg.Taken, Consume: o.consume, Consumed: o.cfg.Notices.Wake}
}

// consume returns what stores the notices of some messages of one topic. If one of the
// things that a single message tells of fails, the others are told at once, and the
// message is tried again: a notice's ID makes it once.
func (o *Occasions) consume(ctx context.Context, list []bus.Message) (write func(context.Context, *sql.Tx) error, err error) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	var notices []notifyapi.Notice
	switch list[0].Topic {
	case userapi.Topic:
		return nil, o.forget(ctx, list)
	case eventapi.Topic:
		return o.begin(ctx, list)
	case paymentapi.Topic:
		notices, err = tell(ctx, list, o.cfg.Letters.Paid, func(body []byte) ([]paymentapi.Capture, string, error) {
			var m paymentapi.CapturedMessage
			err := codec.ReadKnown(body, &m)
			return m.Payments, m.Unreadable, err
		})
	case paymentapi.ReturnsTopic:
		notices, err = tell(ctx, list, o.cfg.Letters.Returned, func(body []byte) ([]paymentapi.Return, string, error) {
			var m paymentapi.ReturnedMessage
			err := codec.ReadKnown(body, &m)
			return m.Returned, m.Unreadable, err
		})
	case paymentapi.DisputesTopic:
		notices, err = tell(ctx, list, o.cfg.Letters.Disputed, func(body []byte) ([]paymentapi.Dispute, string, error) {
			var m paymentapi.DisputedMessage
			err := codec.ReadKnown(body, &m)
			return m.Disputes, m.Unreadable, err
		})
	case paymentapi.FailedRefundsTopic:
		notices, err = tell(ctx, list, o.cfg.Letters.RefundsFailed, func(body []byte) ([]paymentapi.FailedRefund, string, error) {
			var m paymentapi.FailedRefundsMessage
			err := codec.ReadKnown(body, &m)
			return m.Refunds, m.Unreadable, err
		})
	default:
		err = bus.Impossible(fmt.Errorf("nobody tells of the topic %q", list[0].Topic))
	}
	if err == nil {
		return o.cfg.Notices.Prepare(notices)
	}
	if len(notices) > 0 {
		if err := o.cfg.Notices.Notify(ctx, notices); err != nil {
			return nil, err
		}
	}
	switch {
	case errs.Lasting(err):
		return nil, bus.Impossible(err)
	case errs.KindOf(err) == errs.Unavailable:
		return nil, bus.NotNow(err)
	}
	return nil, err
}

// begin begins the mailings of some messages in the transaction that records that they
// were taken.
func (o *Occasions) begin(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	var changed []eventapi.Settled
	for k := range list {
		m := &list[k]
		if m.Type != eventapi.TypeSettled {
			continue // it is for the booking side
		}
		ch := eventapi.Settled{EventID: m.Key, At: m.At}
		if err := codec.ReadKnown(m.Body, &ch.SettledMessage); err != nil {
			return nil, bus.Impossible(fmt.Errorf("read a change: %w", err))
		}
		changed = append(changed, ch)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	mailings, err := o.cfg.Mailings.Due(ctx, changed)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, m := range mailings {
			if err := o.cfg.Mailings.AddMailing(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// forget forgets the people whose accounts were deleted.
func (o *Occasions) forget(ctx context.Context, list []bus.Message) error {
	for k := range list {
		if list[k].Type != userapi.TypeDeleted {
			continue
		}
		var m userapi.DeletedMessage
		if err := codec.ReadKnown(list[k].Body, &m); err != nil {
			return bus.Impossible(fmt.Errorf("read the deletion of an account: %w", err))
		}
		if err := o.cfg.Notices.Forget(ctx, m.UserID); err != nil {
			return err
		}
	}
	return nil
}

// tell makes the notices of messages, each of which has several things to tell. After an
// error it returns those of the other things of a single message, and an error that may
// pass if there is one.
func tell[T any](ctx context.Context, list []bus.Message, notices func(context.Context, []T) ([]notifyapi.Notice, error), read func(body []byte) ([]T, string, error)) ([]notifyapi.Notice, error) {
	var things []T
	for i := range list {
		some, unreadable, err := read(list[i].Body)
		if err == nil && unreadable != "" {
			err = errors.New("its row in the outbox cannot be read")
		}
		if err != nil {
			return nil, bus.Impossible(err)
		}
		things = append(things, some...)
	}
	collect := func(things []T) (some []notifyapi.Notice, err error) {
		err = jobs.Catch(func() (err error) {
			some, err = notices(ctx, things)
			return err
		})
		return some, err
	}
	all, err := collect(things)
	if err == nil || len(list) > 1 || len(things) < 2 || errs.KindOf(err) == errs.Unavailable || sqldb.Outage(err) {
		return all, err
	}
	all, err = nil, nil
	for i := range things {
		some, failed := collect(things[i : i+1])
		all = append(all, some...)
		if failed != nil && (err == nil || errs.Lasting(err)) {
			err = failed
		}
	}
	return all, err
}
