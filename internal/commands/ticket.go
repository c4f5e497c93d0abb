package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"boxoffice/internal/id"
	"boxoffice/internal/settings"
	"boxoffice/internal/ticket"
)

// TicketVerify checks tickets, as a gate does without a network.
type TicketVerify struct {
	Keys   string   `help:"File with the public keys, from boxoffice ticket keys or /tickets/keys.json." required:"" placeholder:"FILE"`
	Event  string   `help:"Only accept tickets for the event with this id." placeholder:"ID"`
	Tokens []string `arg:"" name:"token" optional:"" help:"Contents of the QR codes; without it, they are read from standard input, one per line."`
}

// Run says of each ticket what it is for, or why it is refused; then it fails.
func (v TicketVerify) Run(in io.Reader, out io.Writer) error {
	document, err := os.ReadFile(v.Keys)
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	keys, err := ticket.ParseKeys(document)
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	if len(v.Tokens) > 0 {
		in = strings.NewReader(strings.Join(v.Tokens, "\n"))
	}
	refused := 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		token := strings.TrimSpace(lines.Text())
		if token == "" {
			continue
		}
		t, err := keys.Verify(token, v.Event)
		switch {
		case errors.Is(err, ticket.ErrAnotherEvent):
			fmt.Fprintf(out, "refused  %v: %s\n", err, t.EventID())
		case err != nil:
			fmt.Fprintf(out, "refused  %v\n", err)
		default:
			fmt.Fprintf(out, "ok       event %s, booking %s (%s), seat %d\n", t.EventID(), t.BookingID, id.Reference(t.BookingID), t.Seat)
			continue
		}
		refused++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	if refused > 0 {
		return fmt.Errorf("%d refused", refused)
	}
	return nil
}

// TicketKeys prints the public keys.
type TicketKeys struct {
	settings.Storage
	New bool `help:"Create a new key first. All nodes sign tickets with it within a minute; old tickets stay valid."`
}

// Run prints the document that gates need.
func (k TicketKeys) Run(ctx context.Context, o Office, out io.Writer) (err error) {
	if k.New {
		if err := o.used(ctx, k.Storage); err != nil {
			return err
		}
		return o.perform(ctx, k.Storage, "ticket keys", renewingKeys{}, out, slog.Default())
	}
	db, err := o.OpenToRead(ctx, k.Storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := ticket.Open(ctx, db)
	if err != nil {
		return err
	}
	_, err = out.Write(s.Keys().Document())
	return err
}

// renewingKeys makes a new key for tickets and prints them all.
type renewingKeys struct{}

func (renewingKeys) Do(ctx context.Context, s *Services, out io.Writer) error {
	if err := s.Tickets.Rotate(ctx, s.DB); err != nil {
		return err
	}
	_, err := out.Write(s.Tickets.Keys().Document())
	return err
}
