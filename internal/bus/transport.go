package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Transport carries messages from the nodes that read outboxes to the nodes that
// consume them. It may lose, repeat and reorder messages: SQL makes up for that.
type Transport interface {
	// Publish returns once the transport has stored the messages. Messages that were
	// published lately are not stored again.
	Publish(ctx context.Context, list []Message) error
	// Receive calls fn with the messages of some topics that any node publishes, and with
	// some that were published shortly before, until ctx ends. fn is not called
	// concurrently, and never waits.
	Receive(ctx context.Context, topics []string, fn func(Message))
	// Connected reports whether messages can be carried now.
	Connected() bool
}

// Signals carry what nodes tell each other in passing, such as that seats have been
// taken. A signal that is lost is made up for by a look at the database a moment later.
// Without other nodes there are none: a nil Signals is not used.
type Signals interface {
	// Publish sends a signal to all other nodes that have subscribed. It never waits. A
	// signal that cannot be sent now is dropped.
	Publish(subject string, body []byte)
	// Subscribe calls fn with each signal of other nodes, one at a time.
	Subscribe(subject string, fn func(body []byte)) error
	// Connected reports whether signals of this node reach the broker now.
	Connected() bool
}

// Run is entries in a row of one event's ledger that a node has committed together.
type Run struct {
	EventID     string
	First, Last int64  // the seq of its entries
	Body        []byte // the entries, as lines of a ledger's export
}

// ID names a run: "EVENT:FIRST-LAST".
func (r *Run) ID() string { return fmt.Sprintf("%s:%d-%d", r.EventID, r.First, r.Last) }

// ParseRunID reads what ID wrote.
func ParseRunID(name string) (Run, error) {
	eventID, seqs, _ := strings.Cut(name, ":")
	first, last, _ := strings.Cut(seqs, "-")
	r := Run{EventID: eventID}
	var err error
	if r.First, err = strconv.ParseInt(first, 10, 64); err == nil {
		r.Last, err = strconv.ParseInt(last, 10, 64)
	}
	if err != nil || r.First < 1 || r.Last < r.First || eventID == "" || r.ID() != name {
		return Run{}, fmt.Errorf("%q is not the name of a run of entries", name)
	}
	return r, nil
}

// Runs carry what nodes commit to the ledgers of events. A run may be lost, repeated or
// overtaken: those who follow a ledger take what comes next, ignore what they have, and
// read from the database what is missing.
type Runs interface {
	// Publish passes a run on to other nodes. It never waits. A run that cannot be sent
	// now is dropped.
	Publish(r Run)
	// Subscribe calls fn with each run that other nodes publish from now on, one at a
	// time. wants is asked first, since reading a run costs more than its name.
	Subscribe(wants func(eventID string, last int64) bool, fn func(Run)) error
	// Receive does the same with the runs of all nodes until ctx ends. It begins with
	// some that were published shortly before, also after a pause of the broker.
	Receive(ctx context.Context, wants func(eventID string, last int64) bool, fn func(Run))
	// Connected reports whether runs of this node reach the broker now.
	Connected() bool
}
