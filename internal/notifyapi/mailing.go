package notifyapi

import (
	"context"
	"time"
)

// Mailing is one message to all who have tickets for an event.
type Mailing struct {
	ID      string // the same whenever the same thing is told: it makes the mailing once
	Kind    Kind   // any that has a letter
	EventID string

	// Data is what everybody is told. Name and language, Link and Order are added for each
	// person; the order's amount is what its seats cost.
	Data Data

	MadeUntil  time.Time // only orders that were made until then; zero: until the mailing starts
	Until      time.Time // afterwards it is useless and no longer sent; zero: for as long as mails are tried
	PerAddress bool      // one mail to each address; otherwise one for each order
	Replaces   []Kind    // other mailings of these kinds for the event are stopped
	Begins     time.Time // when it begins; zero: at once. Of one that has begun: zero
}

// MailingState is the state of a mailing.
type MailingState string

// The states: running → done, when everything was sent or given up; running → stopped.
// A mailing that is done runs again for orders that were still being paid when it began.
const (
	Running MailingState = "running"
	Stopped MailingState = "stopped"
	Done    MailingState = "done"
)

// Progress is what has become of a mailing.
type Progress struct {
	Mailing
	State    MailingState
	Complete bool             // all recipients are known: Total grows no more, but for those who were still paying
	Total    int64            // notices
	Counts   map[string]int64 // notices by state: queued, sent, failed, stopped, unwanted
	Created  time.Time
	Ended    time.Time // zero: not yet; also until the last notices of a stopped mailing are stopped
}

// Shown says what somebody could read in a letter about an order: how the event was then.
type Shown struct {
	Kind  Kind
	To    string    // the address that it went to
	At    time.Time // when it was written
	Event *Event    // what its mailing tells; nil: as the event was then
	Sent  bool      // otherwise it waits, or is about to be sent
}

// Mailings sends messages to all who have tickets for an event: orders that are booked,
// complimentary ones included, and those that were cancelled together with the event.
// Mails of a topic are not sent to those who have unsubscribed; Data.Organizer says whose
// they are.
type Mailings interface {
	// StartMailing begins a mailing. Once it returns nil, the mailing is carried out
	// whatever happens to this node. One whose ID is known is ignored, whatever else it
	// says. Invalid: it has no ID or event, or lacks data for its kind.
	StartMailing(ctx context.Context, m Mailing) error

	// StopMailing stops a mailing: what is not sent yet is not sent, except for the mails
	// that nodes are about to hand over, a second's worth. One that has ended stays as it
	// is. NotFound: there is no such mailing.
	StopMailing(ctx context.Context, id string) error

	// MailingsOf returns the mailings of an event, the newest first. They are remembered
	// for 90 days after their end, and so are their notices.
	MailingsOf(ctx context.Context, eventID string) ([]Progress, error)
}
