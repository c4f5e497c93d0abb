package commands

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

// TicketVerify checks tickets, as a gate does without a network.
type TicketVerify struct {
	settings.Storage
	Keys   string   `help:"File with the public keys, from boxoffice ticket keys or /tickets/keys.json. Without it, they are read from the database." placeholder:"FILE"`
	Event  string   `help:"Only accept tickets for the event with this id. Default: that of the list, if there is one." placeholder:"ID"`
	List   string   `help:"File with the tickets that are valid, from boxoffice ticket list or /events/ID/door/list. Without it, it is read from the database, if there is one here." placeholder:"FILE"`
	Plan   string   `help:"File with the event's seating plan, from /events/ID/plan: section, row and seat are told by it. Without it, it is read from the database, if there is one here." placeholder:"FILE"`
	Tokens []string `arg:"" name:"token" optional:"" help:"Contents of the QR codes; without it, they are read from standard input, one per line."`
}

// Door is what an entrance needs of an event: which tickets are valid, and where seats are.
type Door struct {
	List *ticket.List
	Plan *seating.Plan // without an index
}

// Run says of each ticket what it is for, or why it is refused; then it fails.
func (v TicketVerify) Run(ctx context.Context, o Office, in io.Reader, out io.Writer) (err error) {
	if err := settings.CheckID("--event", v.Event); err != nil {
		return err
	}
	db, err := v.database(ctx, o)
	if err != nil {
		return err
	}
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	keys, proves, err := v.keys(ctx, db)
	if err != nil {
		return err
	}
	doors := doors{read: func(eventID string) (*Door, error) { return nil, nil }, known: map[string]*Door{}} //nolint:nilnil // there is none
	if db != nil && v.List == "" {
		doors.read = func(eventID string) (*Door, error) { return o.Door(ctx, db, eventID) }
	}
	if err := v.files(&doors); err != nil {
		return err
	}
	if len(v.Tokens) > 0 {
		in = strings.NewReader(strings.Join(v.Tokens, "\n"))
	}
	refused, unchecked := 0, 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		token := strings.TrimSpace(lines.Text())
		if token == "" {
			continue
		}
		said, ok, checked, err := v.verify(keys, proves, &doors, token)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, said)
		if !ok {
			refused++
		} else if !checked {
			unchecked++
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	if unchecked > 0 {
		fmt.Fprintf(out, "%s not compared with a list: it may be refunded, moved to another seat or replaced. Give --list, or --data or --database-url.\n",
			settings.Counted(unchecked, "ticket was", "tickets were"))
	}
	if refused > 0 {
		return fmt.Errorf("%d refused", refused)
	}
	return nil
}

// verify says what a ticket is for, or why it is refused; checked is false if there is no
// list for its event.
func (v TicketVerify) verify(keys ticket.Keys, proves func(*ticket.Code) bool, doors *doors, token string) (said string, ok, checked bool, err error) {
	t, err := keys.Verify(token, v.Event)
	if errors.Is(err, ticket.ErrAnotherEvent) {
		return fmt.Sprintf("refused  %v: %s", err, t.EventID()), false, true, nil
	}
	if err != nil {
		return fmt.Sprintf("refused  %v", err), false, true, nil
	}
	door, err := doors.of(t.EventID())
	if err != nil {
		return "", false, false, err
	}
	is := fmt.Sprintf("event %s, booking %s (%s), %s", t.EventID(), t.BookingID, id.Reference(t.BookingID), door.place(&t.Ticket))
	if t.Issue > 0 {
		is += fmt.Sprintf(", replacement %d", t.Issue)
	}
	is += shown(&t, time.Now(), proves == nil)
	switch {
	case proves != nil && !proves(&t):
		return fmt.Sprintf("refused  %v: %s", ticket.ErrSignature, is), false, true, nil
	case t.Timed && !t.Fresh(time.Now()):
		return fmt.Sprintf("refused  %v: %s", ticket.ErrStale, is), false, true, nil
	case door == nil || door.List == nil:
		return "signed   " + is, true, false, nil
	}
	if err := door.List.Check(t.Ticket); err != nil {
		return fmt.Sprintf("refused  %v: %s", err, is), false, true, nil
	}
	return "ok       " + is, true, true, nil
}

// shown says how a code is shown that changes with time, and how old it is.
func shown(c *ticket.Code, now time.Time, unproved bool) string {
	age := now.Sub(time.Unix(c.At, 0)).Round(time.Second)
	switch {
	case c.Kind == ticket.Fixed:
		return ""
	case c.Kind == ticket.InWallet && unproved:
		return fmt.Sprintf(", in a wallet %v ago, as far as can be told without the database", age)
	case c.Kind == ticket.InWallet:
		return fmt.Sprintf(", in a wallet %v ago", age)
	case !c.Timed:
		return fmt.Sprintf(", on a phone %v ago by its own clock, which may be wrong", age)
	}
	return fmt.Sprintf(", on a phone %v ago", age)
}

// database opens the database if it is needed and there is one here; else nil.
func (v TicketVerify) database(ctx context.Context, o Office) (*sqldb.DB, error) {
	if v.Keys != "" && v.List != "" {
		return nil, nil //nolint:nilnil // it is not needed
	}
	if _, err := os.Stat(v.Data); v.Embedded() && errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	return o.OpenToRead(ctx, v.Storage)
}

// keys returns the public keys, and what proves the codes of wallets; nil: nothing does,
// without the database's keys.
func (v TicketVerify) keys(ctx context.Context, db *sqldb.DB) (ticket.Keys, func(*ticket.Code) bool, error) {
	if v.Keys == "" && db == nil {
		return ticket.Keys{}, nil, settings.BadFlag("--keys", "it is missing, and there is no database here (--data, --database-url)")
	}
	if v.Keys == "" {
		s, err := ticket.Open(ctx, db)
		if err != nil {
			return ticket.Keys{}, nil, err
		}
		return s.Keys(), s.Proves, nil
	}
	document, err := os.ReadFile(v.Keys)
	if err != nil {
		return ticket.Keys{}, nil, fmt.Errorf("--keys: %w", err)
	}
	keys, err := ticket.ParseKeys(document)
	if err != nil {
		return ticket.Keys{}, nil, fmt.Errorf("--keys: %w", err)
	}
	return keys, nil, nil
}

// files reads --list and --plan.
func (v *TicketVerify) files(doors *doors) error {
	var door Door
	if v.List != "" {
		raw, err := os.ReadFile(v.List)
		if err != nil {
			return fmt.Errorf("--list: %w", err)
		}
		if door.List, err = ticket.DecodeList(raw); err != nil {
			return fmt.Errorf("--list: %w", err)
		}
		if v.Event == "" {
			v.Event = door.List.EventID
		}
		if door.List.EventID != v.Event {
			return fmt.Errorf("--list: it is of event %s", door.List.EventID)
		}
	}
	if v.Plan == "" {
		if door.List != nil {
			doors.known[door.List.EventID] = &door
		}
		return nil
	}
	raw, err := os.ReadFile(v.Plan)
	if err != nil {
		return fmt.Errorf("--plan: %w", err)
	}
	if door.Plan, err = readPlan(raw); err != nil {
		return fmt.Errorf("--plan: %w", err)
	}
	switch {
	case door.List == nil && v.Event == "":
		return settings.BadFlag("--plan", "it goes with --list or --event, which say whose plan it is")
	case door.List == nil:
		doors.plans = map[string]*seating.Plan{v.Event: door.Plan}
	case door.Plan.Version != door.List.PlanVersion || len(door.Plan.Seats) != len(door.List.Seats):
		return fmt.Errorf("--plan: it is version %d with %s, and the list is of version %d with %s", door.Plan.Version, settings.Counted(len(door.Plan.Seats), "seat", "seats"),
			door.List.PlanVersion, settings.Counted(len(door.List.Seats), "seat", "seats"))
	default:
		doors.known[door.List.EventID] = &door
	}
	return nil
}

// readPlan reads a seating plan as the API writes it.
func readPlan(raw []byte) (*seating.Plan, error) {
	var doc struct {
		seating.Plan
		Seats []struct {
			Label  string `json:"label"`
			Number string `json:"number"`
		} `json:"seats"`
	}
	if err := codec.ReadKnown(raw, &doc); err != nil {
		return nil, err
	}
	p := &doc.Plan
	for _, s := range doc.Seats {
		p.Seats = append(p.Seats, seating.Seat{Label: s.Label, Number: s.Number})
	}
	if len(p.Seats) == 0 || len(p.Sections) == 0 {
		return nil, errors.New("it is not a seating plan of an event")
	}
	return p, nil
}

// doors are what is known of events' doors.
type doors struct {
	read  func(eventID string) (*Door, error) // nil: there is none
	known map[string]*Door
	plans map[string]*seating.Plan // from files, by event
}

// of returns the door of an event; nil: there is none.
func (d *doors) of(eventID string) (*Door, error) {
	door, known := d.known[eventID]
	if known {
		return door, nil
	}
	door, err := d.read(eventID)
	if err != nil {
		return nil, err
	}
	if p := d.plans[eventID]; p != nil {
		if door == nil {
			door = &Door{}
		}
		door.Plan = p
	}
	d.known[eventID] = door
	return door, nil
}

// place says where the seat of a ticket is, for people.
func (d *Door) place(t *ticket.Ticket) string {
	if d == nil || d.Plan == nil || int(t.Seat) >= len(d.Plan.Seats) || t.PlanVersion != 0 && t.PlanVersion != d.Plan.Version {
		return fmt.Sprintf("seat %d of the plan", t.Seat)
	}
	p, seat := d.Plan, &d.Plan.Seats[t.Seat]
	section, row := "", ""
	for i := range p.Sections {
		sec := &p.Sections[i]
		if t.Seat < sec.First || t.Seat >= sec.First+sec.Count {
			continue
		}
		section = cmp.Or(sec.Name, sec.ID)
		if sec.GeneralAdmission {
			return "section " + section
		}
		for _, r := range sec.Rows {
			if t.Seat >= r.First && t.Seat < r.First+r.Count {
				row = r.Label
			}
		}
	}
	return fmt.Sprintf("section %s, row %s, seat %s (%s)", section, row, seat.Number, seat.Label)
}

// TicketList prints which tickets of an event are valid.
type TicketList struct {
	settings.Storage
	Event string `help:"The event with this id." required:"" placeholder:"ID"`
}

// Run prints the list that verify and check-in devices take.
func (l TicketList) Run(ctx context.Context, o Office, out io.Writer) (err error) {
	if err := settings.CheckID("--event", l.Event); err != nil {
		return err
	}
	db, err := o.OpenToRead(ctx, l.Storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	door, err := o.Door(ctx, db, l.Event)
	if err != nil {
		return err
	}
	if door == nil {
		return fmt.Errorf("--event: there is no event %s", l.Event)
	}
	b, err := door.List.Encode()
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
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
