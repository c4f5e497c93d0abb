package gatenode

import (
	"context"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ticket"
)

// Status is what an operator has to know of a gate node.
type Status struct {
	Up       bool
	Slow     time.Duration // the box office answers, but takes so long; 0: it does not answer
	Revoked  bool
	ListAt   time.Time // when list and rules were compared with the box office last; this machine's clock
	Tickets  int
	Devices  int
	Waiting  int64 // scans of which the box office does not know
	Refused  int64 // of those, scans that it does not take
	ClockOff time.Duration
}

// Status tells how the gate node is.
func (n *Node) Status(ctx context.Context) (Status, error) {
	n.mu.Lock()
	offset := n.clock.Now().Sub(n.cfg.Wall())
	s := Status{Up: n.up, Slow: n.slow, Revoked: n.self.RevokedAt != 0, ListAt: time.UnixMicro(n.seenAt).Add(-offset), ClockOff: offset}
	for _, is := range n.list.Seats {
		if is != ticket.Nobody {
			s.Tickets++
		}
	}
	now := n.clock.Now().UnixMicro()
	for i := range n.state.Devices {
		d := n.state.Devices[i].Paired("")
		if d.Kind == checkinapi.Scanner && d.RevokedAt == 0 && d.ValidUntil > now {
			s.Devices++
		}
	}
	n.mu.Unlock()
	var err error
	s.Waiting, s.Refused, err = n.kept.waits(ctx)
	return s, err
}

// String is a line for the terminal.
func (s Status) String() string {
	line := "line down"
	switch {
	case s.Revoked:
		line = "REVOKED: it serves nothing any more, and what waits is sent for two days"
	case s.Up:
		line = "line up"
	case s.Slow > 0:
		line = fmt.Sprintf("line slow (%d ms)", s.Slow.Milliseconds())
	}
	text := fmt.Sprintf("%s · list of %s, %d tickets · %s · %s", line, s.ListAt.Format("2006-01-02 15:04:05"), s.Tickets, count(int64(s.Devices), "device"), count(s.Waiting, "scan")+" to send")
	if s.Refused > 0 {
		text += fmt.Sprintf(" (%d of them not taken, see the log)", s.Refused)
	}
	if off := s.ClockOff.Abs(); off >= time.Minute {
		text += fmt.Sprintf(" · this machine's clock is wrong by %s, which is made up for", off.Round(time.Second))
	}
	return text
}

func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

const (
	lookEvery = time.Second
	sayEvery  = 10 * time.Second // at most, while only numbers change
)

// Tell prints how the gate node is whenever that changes, for as long as ctx lasts.
func (n *Node) Tell(ctx context.Context, out io.Writer) error {
	var last Status
	var said time.Time
	return jobs.Every(ctx, lookEvery, nil, func(ctx context.Context) error {
		s, err := n.Status(ctx)
		if err != nil {
			return nil //nolint:nilerr // the database is told of elsewhere
		}
		line := s.Up != last.Up || s.Revoked != last.Revoked || (s.Slow > 0) != (last.Slow > 0)
		numbers := s.Tickets != last.Tickets || s.Devices != last.Devices || s.Waiting != last.Waiting || s.Refused != last.Refused
		if said.IsZero() || line || numbers && time.Since(said) >= sayEvery {
			fmt.Fprintf(out, "%s  %s\n", n.cfg.Wall().Format("15:04:05"), s)
			last, said = s, time.Now()
		}
		return nil
	})
}
