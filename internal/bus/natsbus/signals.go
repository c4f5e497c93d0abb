package natsbus

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"boxoffice/internal/jobs"
)

// Signals is the connection as bus.Signals.
type Signals struct{ *Conn }

// Signals is the part of the connection that carries signals.
func (c *Conn) Signals() Signals { return Signals{c} }

// Publish sends a signal to the other nodes that have subscribed. It never waits: a
// signal that cannot be sent soon is dropped.
func (s Signals) Publish(subject string, body []byte) {
	if !s.takes() {
		return
	}
	msg := &nats.Msg{Subject: s.signal(subject)}
	msg.Data = append(s.mac(msg.Subject, body), body...)
	s.enqueue(msg)
}

// takes reports whether something can be sent soon. Otherwise it is dropped, before it
// costs more.
func (c *Conn) takes() bool {
	if !c.Connected() || len(c.signals) == cap(c.signals) {
		c.metrics.dropped.Inc()
		return false
	}
	return true
}

// enqueue has something sent soon, or drops it.
func (c *Conn) enqueue(msg *nats.Msg) {
	select {
	case c.signals <- msg:
	default:
		c.metrics.dropped.Inc()
	}
}

// send sends signals and runs until Close. A connection that takes no more holds up this
// goroutine only.
func (c *Conn) send() {
	for {
		select {
		case <-c.closing:
			return
		case msg := <-c.signals:
			if c.nc.PublishMsg(msg) != nil {
				c.metrics.dropped.Inc()
			}
		}
	}
}

// Subscribe calls fn with each signal of other nodes. A panic in fn ends nothing.
func (s Signals) Subscribe(subject string, fn func(body []byte)) error {
	full := s.signal(subject)
	_, err := s.nc.Subscribe(full, func(msg *nats.Msg) {
		if len(msg.Data) < macSize || !s.genuine(msg.Data[:macSize], full, msg.Data[macSize:]) {
			return
		}
		if err := jobs.Catch(func() error { fn(msg.Data[macSize:]); return nil }); err != nil {
			s.log.Error("a signal could not be taken", "subject", subject, "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s at NATS: %w", subject, err)
	}
	return nil
}
