// Package intake takes new states of sales from the event service's messages (topic
// "events"), and answers each by a message of its own (topic "sales"): accepted, or
// refused for good. The answer commits together with the record that the message was
// taken, so that each state has one answer. A state that was taken but not answered,
// because the process died in between, is offered again and changes nothing then.
//
// It also takes the messages that accounts were deleted (topic "users"), and gives up what
// they have bought since.
//
// States of one event are taken in order. They are complete, so a cancellation overtakes
// an earlier state that fails, and any state does once the earlier one is older than
// patience.
package intake

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Name is the consumer's name.
const Name = "booking"

const (
	saleTime = 3 * time.Second  // to take one state
	patience = 10 * time.Second // after which a failing state no longer blocks later ones
)

// Sales stores new states of sales; see bookingapi.Sales.
type Sales interface {
	SetSales(ctx context.Context, sales map[string]bookingapi.Sale) error
}

// Purchases gives up the purchases of an account; see bookingapi.Accounts.
type Purchases interface {
	GiveUp(ctx context.Context, userID string, since int64, spared []string) error
}

// Intake is the consumer of events and accounts, and the outbox of the answers.
type Intake struct {
	sales   Sales
	buyers  Purchases
	now     func() time.Time
	taken   *bus.Taken
	answers *bus.Table
}

// New makes an intake on the booking service's tables.
func New(db *sqldb.DB, sales Sales, buyers Purchases, now func() time.Time) *Intake {
	return &Intake{sales, buyers, now, bus.NewTaken(db, "booking_taken"), bus.NewTable(db, bookingapi.SalesTopic, "sale_answers")}
}

// Outbox holds the answers.
func (i *Intake) Outbox() bus.Outbox { return i.answers }

// Consumer consumes the messages about events and accounts.
func (i *Intake) Consumer() bus.Consumer {
	return bus.Consumer{Name: Name, Topics: []string{eventapi.Topic, userapi.Topic}, Taken: i.taken, Consume: i.consume}
}

// consume consumes messages of one topic.
func (i *Intake) consume(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	if list[0].Topic == userapi.Topic {
		return nil, i.giveUp(ctx, list)
	}
	return i.takeAll(ctx, list)
}

// giveUp gives up what deleted accounts have bought since. Giving up twice changes
// nothing.
func (i *Intake) giveUp(ctx context.Context, list []bus.Message) error {
	for n := range list {
		if list[n].Type != userapi.TypeDeleted {
			continue
		}
		var m userapi.DeletedMessage
		if err := codec.ReadKnown(list[n].Body, &m); err != nil || m.UserID == "" || m.Since == 0 {
			return bus.Impossible(fmt.Errorf("read the deletion of an account: %w", cmp.Or(err, errIncomplete)))
		}
		if err := i.buyers.GiveUp(ctx, m.UserID, m.Since, m.Spared); err != nil {
			if err = fmt.Errorf("give up purchases of a deleted account: %w", err); errs.KindOf(err) == errs.Unavailable {
				err = bus.NotNow(err)
			}
			return err
		}
	}
	return nil
}

var errIncomplete = errors.New("a field is missing")

// takeAll takes the states of some messages, each event's in order. An event that fails
// does not keep the others from being taken, only from being answered.
func (i *Intake) takeAll(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	var order []string
	byEvent := map[string][]bus.Message{}
	for _, m := range list {
		if m.Type != eventapi.TypeChanged {
			continue
		}
		if len(byEvent[m.Key]) == 0 {
			order = append(order, m.Key)
		}
		byEvent[m.Key] = append(byEvent[m.Key], m)
	}
	var answers []bus.Draft
	var failed error
	for _, eventID := range order {
		some, err := i.take(ctx, eventID, byEvent[eventID])
		answers, failed = append(answers, some...), errors.Join(failed, err)
	}
	if failed != nil || len(answers) == 0 {
		return nil, failed
	}
	return func(ctx context.Context, tx *sql.Tx) error { return i.answers.Add(ctx, tx, answers...) }, nil
}

// state is a state of a sale that waits to be taken.
type state struct {
	version    int64
	sale       bookingapi.Sale
	at         time.Time
	unreadable error
}

func read(m *bus.Message) state {
	s := state{at: m.At}
	var body eventapi.ChangedMessage
	if s.unreadable = codec.ReadKnown(m.Body, &body); s.unreadable == nil {
		s.unreadable = codec.ReadKnown(body.Sale, &s.sale)
	}
	s.version = body.Version
	return s
}

// take takes the states of one event, and returns the answers.
func (i *Intake) take(ctx context.Context, eventID string, list []bus.Message) (answers []bus.Draft, err error) {
	states := make([]state, len(list))
	for n := range list {
		states[n] = read(&list[n])
	}
	last := len(states) - 1
	for n := 0; n <= last; n++ {
		s := &states[n]
		answer, err := i.offer(ctx, eventID, s)
		if err != nil && n < last && i.overtakes(&states[last], s) {
			if later, failed := i.offer(ctx, eventID, &states[last]); failed == nil {
				answer, err, n = later, nil, last
			}
		}
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// overtakes reports whether a state may be taken although an earlier one fails.
func (i *Intake) overtakes(later, stuck *state) bool {
	return later.sale.Status == eventapi.Cancelled || i.now().Sub(stuck.at) >= patience
}

// offer hands one state to the booking service.
func (i *Intake) offer(ctx context.Context, eventID string, s *state) (bus.Draft, error) {
	if s.unreadable != nil {
		return bus.Draft{}, bus.Impossible(errors.New("read the sale: " + s.unreadable.Error())) // an end of its text is no lost connection
	}
	ctx, cancel := context.WithTimeout(ctx, saleTime)
	defer cancel()
	err := jobs.Catch(func() error { return i.sales.SetSales(ctx, map[string]bookingapi.Sale{eventID: s.sale}) })
	answer, kind := bookingapi.AnswerMessage{Version: s.version}, bookingapi.TypeAccepted
	if refusal := errs.Of(err); errs.KindOf(err) == errs.Conflict && refusal != nil && s.sale.Status != eventapi.Cancelled {
		answer.Type, answer.Detail, kind, err = refusal.Type, refusal.Detail, bookingapi.TypeRefused, nil
	}
	if err != nil { // the state is not at fault, and must not be lost
		return bus.Draft{}, bus.NotNow(fmt.Errorf("take version %d of the sale: %w", s.version, err))
	}
	body, err := codec.Marshal(answer)
	return bus.Draft{Key: eventID, Type: kind, Body: body}, err
}
