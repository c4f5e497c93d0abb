package natsbus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"boxoffice/internal/bus"
	"boxoffice/internal/jobs"
)

// Runs is the connection as bus.Runs. A run is published once. JetStream keeps it for
// Receive, and core NATS takes it to Subscribe at once.
type Runs struct{ *Conn }

// Runs is the part of the connection that carries runs of ledger entries.
func (c *Conn) Runs() Runs { return Runs{c} }

func (c *Conn) runs(eventID string) string { return "boxoffice." + c.name + ".ledger." + eventID }

// Publish sends a run to the other nodes and the stream. It never waits, not even for the
// stream: a run that cannot be sent soon is dropped.
func (r Runs) Publish(run bus.Run) {
	if !r.takes() {
		return
	}
	msg := nats.NewMsg(r.runs(run.EventID))
	msg.Data = run.Body
	msg.Header.Set(nats.MsgIdHdr, run.ID())
	r.sign(msg)
	r.enqueue(msg)
}

// Subscribe calls fn with each run of other nodes that is wanted. A panic in fn ends
// nothing.
func (r Runs) Subscribe(wants func(eventID string, last int64) bool, fn func(bus.Run)) error {
	_, err := r.nc.Subscribe(r.runs("*"), func(msg *nats.Msg) { r.take(msg.Header, msg.Subject, msg.Data, wants, fn) })
	if err != nil {
		return fmt.Errorf("subscribe to ledgers at NATS: %w", err)
	}
	return nil
}

// Receive calls fn with each run that is wanted, of all nodes, from shortly before it is
// called until ctx ends. A panic in fn ends nothing.
func (r Runs) Receive(ctx context.Context, wants func(eventID string, last int64) bool, fn func(bus.Run)) {
	r.ledgers.receive(ctx, []string{r.ledgers.subject}, ledgerAgain, func(msg jetstream.Msg) {
		r.take(msg.Headers(), msg.Subject(), msg.Data(), wants, fn)
	})
}

// take hands a run over, if it is wanted and genuine.
func (r Runs) take(header nats.Header, subject string, body []byte, wants func(eventID string, last int64) bool, fn func(bus.Run)) {
	run, err := bus.ParseRunID(header.Get(nats.MsgIdHdr))
	if err != nil || r.runs(run.EventID) != subject {
		r.metrics.forged.Inc()
		return
	}
	if err := jobs.Catch(func() error {
		if wants(run.EventID, run.Last) && r.genuineMsg(header, subject, body) {
			run.Body = body
			fn(run)
		}
		return nil
	}); err != nil {
		r.log.Error("entries of another node could not be taken", "entries", run.ID(), "error", err)
	}
}
