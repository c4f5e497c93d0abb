package natsbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"boxoffice/internal/bus"
)

// errInProcess is NATS's code for a message with an ID that the stream is storing now.
const errInProcess jetstream.ErrorCode = 10158

func (c *Conn) subject(topic string) string  { return "boxoffice." + c.name + ".messages." + topic }
func (c *Conn) signal(subject string) string { return "boxoffice." + c.name + ".signals." + subject }

// Publish stores messages in the stream.
func (c *Conn) Publish(ctx context.Context, list []bus.Message) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := c.publish(ctx, list)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		if err = c.messages.ensure(ctx); err == nil {
			err = c.publish(ctx, list)
		}
	}
	if err != nil {
		return fmt.Errorf("publish to NATS: %w", err)
	}
	return nil
}

func (c *Conn) publish(ctx context.Context, list []bus.Message) error {
	stored := make([]jetstream.PubAckFuture, 0, len(list))
	var failed error
	for i := range list {
		m := &list[i]
		body, err := m.Encode()
		if err != nil {
			return err
		}
		msg := nats.NewMsg(c.subject(m.Topic))
		msg.Data = body
		c.sign(msg)
		future, err := c.js.PublishMsgAsync(msg, jetstream.WithMsgID(m.Ref().String()))
		if errors.Is(err, nats.ErrMaxPayload) {
			c.tooLarge.Do(func() {
				c.log.Error("a message is larger than NATS takes, and is read from the database", "message", m.Ref().String(), "bytes", len(body), "most", c.nc.MaxPayload())
			})
			continue
		}
		if err != nil {
			failed = err
			break
		}
		stored = append(stored, future)
	}
	for _, future := range stored {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			if !inProcess(err) { // another node publishes it; if that fails, the relay does so again
				failed = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed
}

// inProcess reports whether a message was not stored because the stream is about to store
// the same one.
func inProcess(err error) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.ErrorCode == errInProcess
}

// Receive calls fn with the stream's messages of some topics, until ctx ends.
func (c *Conn) Receive(ctx context.Context, topics []string, fn func(bus.Message)) {
	subjects := make([]string, len(topics))
	for i, topic := range topics {
		subjects[i] = c.subject(topic)
	}
	c.messages.receive(ctx, subjects, receiveAgain, func(msg jetstream.Msg) {
		if !c.genuineMsg(msg.Headers(), msg.Subject(), msg.Data()) {
			return
		}
		m, err := bus.Decode(msg.Data())
		if err != nil || c.subject(m.Topic) != msg.Subject() {
			c.log.Error("a message from NATS cannot be read, and is read from the database", "subject", msg.Subject(), "error", err)
			return
		}
		fn(m)
	})
}
