package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Script is a history: how many nodes there are, and what happens.
type Script struct {
	Seed  uint64
	Nodes int
	Steps []Step
}

// Step is one thing that somebody does. People, events, bookings and payments
// have names in a script; a step about one that was never made is passed over, so
// that steps can be left out.
type Step struct {
	Op   string `json:"op"`             // of the vocabulary
	Name string `json:"name,omitempty"` // of what it makes
	As   string `json:"as,omitempty"`   // who asks
	Node int    `json:"node,omitempty"` // whom

	Of      string `json:"of,omitempty"` // the account that it is about
	Event   string `json:"event,omitempty"`
	Booking string `json:"booking,omitempty"`
	Payment string `json:"payment,omitempty"`

	Seats    []string `json:"seats,omitempty"`
	Quantity int      `json:"quantity,omitempty"`
	Section  string   `json:"section,omitempty"`
	Tier     string   `json:"tier,omitempty"`
	Key      string   `json:"key,omitempty"`   // Idempotency-Key
	Match    bool     `json:"match,omitempty"` // If-Match with the version that was told
	Stale    bool     `json:"stale,omitempty"` // If-Match with an earlier one

	Method string         `json:"method,omitempty"` // of payment
	Amount int64          `json:"amount,omitempty"` // agreed to; 0: nothing is said of it
	Set    map[string]any `json:"set,omitempty"`    // fields of the body; times are durations from now
	Plan   *int           `json:"plan,omitempty"`   // by number, see plans

	Leave int    `json:"leave,omitempty"` // the client goes away at this commit of the node
	At    string `json:"at,omitempty"`    // freeze: when the node is about to ask the bank for this step
	Wait  string `json:"wait,omitempty"`  // a duration
	Keep  bool   `json:"keep,omitempty"`  // kill: the commit counts
	With  []Step `json:"with,omitempty"`  // together: all at once
}

func (s Step) String() string {
	line, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(line)
}

// String is a script as a file has it.
func (s *Script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\"seed\":%d,\"nodes\":%d}\n", s.Seed, s.Nodes)
	for _, step := range s.Steps {
		b.WriteString(step.String() + "\n")
	}
	return b.String()
}

// parse reads a script; lines that begin with # are for people.
func parse(data []byte) (*Script, error) {
	s := &Script{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	head := true
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var err error
		if head {
			err = d.Decode(s)
			head = false
		} else {
			var step Step
			err = d.Decode(&step)
			s.Steps = append(s.Steps, step)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s, lines.Err()
}
