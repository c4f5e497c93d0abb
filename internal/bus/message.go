package bus

import (
	"fmt"
	"time"

	"boxoffice/internal/codec"
)

// Message is what a service tells the others about one change.
type Message struct {
	Topic string    // of the outbox: "payments", "events", …
	Key   string    // what it is about, such as an event's id
	ID    string    // unique among the messages of its topic and key
	Type  string    // what has happened, such as "captured"
	At    time.Time // when it was added to the outbox, in microseconds
	Body  []byte    // a JSON object. Fields are only ever added; readers ignore those that they do not know

	// After is the id of the message before it of the same topic and key, as far as
	// the outbox still had it when this one was read; "" if there was none. It is set
	// by outboxes whose messages are ordered.
	After string
}

// Ref names a message.
type Ref struct{ Topic, Key, ID string }

// Ref is the message's name.
func (m *Message) Ref() Ref { return Ref{m.Topic, m.Key, m.ID} }

// before names the message before it.
func (m *Message) before() Ref { return Ref{m.Topic, m.Key, m.After} }

func (r Ref) String() string { return r.Topic + "/" + r.Key + "/" + r.ID }

// wire is a message's form on the wire.
type wire struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
	ID    string `json:"id"`
	Type  string `json:"type"`
	At    int64  `json:"at"` // µs since 1970
	After string `json:"after,omitempty"`
	Body  object `json:"body"`
}

// object is JSON that stays as it is.
type object []byte

// MarshalJSON returns the object as it is.
func (o object) MarshalJSON() ([]byte, error) { return o, nil }

// UnmarshalJSON keeps the object as it is.
func (o *object) UnmarshalJSON(raw []byte) error {
	*o = append((*o)[:0], raw...)
	return nil
}

// Encode writes a message for a transport: JSON with named fields.
func (m *Message) Encode() ([]byte, error) {
	raw, err := codec.Marshal(wire{m.Topic, m.Key, m.ID, m.Type, m.At.UnixMicro(), m.After, m.Body})
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", m.Ref(), err)
	}
	return raw, nil
}

// Decode reads what Encode wrote, also that of newer programs, whose additional
// fields it ignores.
func Decode(raw []byte) (Message, error) {
	var w wire
	if err := codec.ReadKnown(raw, &w); err != nil {
		return Message{}, fmt.Errorf("decode message: %w", err)
	}
	m := Message{Topic: w.Topic, Key: w.Key, ID: w.ID, Type: w.Type, At: time.UnixMicro(w.At), After: w.After, Body: w.Body}
	if m.Topic == "" || m.ID == "" || len(m.Body) == 0 {
		return Message{}, fmt.Errorf("decode message %s: topic, id or body is missing", m.Ref())
	}
	return m, nil
}
