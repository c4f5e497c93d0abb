package gatenode

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkin"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

// Config configures a gate node.
type Config struct {
	Dir  string // its folder
	URL  string // of the box office; "": as the folder is paired
	Code string // pairs the folder; "": it is paired
	Name string // of this gate node, for people; "": as the organizer has named it
	DB   *sqldb.DB
	Wall func() time.Time // this machine's clock
	Log  *slog.Logger
}

// Node is a gate node. It implements checkin.Line and checkin.Events.
type Node struct {
	cfg    Config
	paired pairing
	office *office
	kept   kept
	clock  *clock
	door   *checkin.Service
	asks   *batch.Queue[*asking]

	mu      sync.Mutex
	state   checkin.NodeState
	self    checkinapi.Device
	keys    ticket.Keys
	list    *ticket.List
	plan    *seating.Plan
	rawPlan []byte
	cursor  string        // of the scans of the box office
	seenAt  int64         // µs since 1970, the server's time
	there   bool          // the box office answers
	up      bool          // and fast enough to be asked
	shown   bool          // up, as devices were told
	slow    time.Duration // why it is not up: how long the box office took; 0: it does not answer
	suspect chan struct{} // says that an ask was not answered

	pushTrouble, syncTrouble jobs.Trouble
}

// Open opens the folder of a gate node that is paired. Used for the first time, it needs
// the box office; later it is opened without.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	p, err := pair(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "gatenode", migrations); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, paired: p, office: newOffice(p.URL, p.Token), kept: kept{cfg.DB}, suspect: make(chan struct{}, 1)}
	var k keptClock
	if _, err := n.kept.read(ctx, keptTime, &k); err != nil {
		return nil, err
	}
	n.clock = newClock(cfg.Wall, k)
	if err := n.load(ctx); err != nil {
		return nil, err
	}
	if n.list == nil || n.plan == nil {
		if err := n.first(ctx); err != nil {
			return nil, fmt.Errorf("fetch the list from %s: %w", p.URL, err)
		}
	}
	n.asks = batch.New(askMost, askWaits, n.askAll)
	return n, nil
}

// state and what belongs to it, as it is kept.
type keptNode struct {
	State  checkin.NodeState `json:"state"`
	SeenAt int64             `json:"seen_at"`
}

// load reads what is kept.
func (n *Node) load(ctx context.Context) error {
	var k keptNode
	var list []byte
	var plan string
	found, err := n.kept.read(ctx, keptState, &k)
	if err != nil || !found {
		return err
	}
	if err := n.take(k.State); err != nil {
		return err
	}
	n.seenAt = k.SeenAt
	if found, err = n.kept.read(ctx, keptList, &list); err == nil && found {
		n.list, err = ticket.DecodeList(list)
	}
	if err != nil {
		return err
	}
	if found, err = n.kept.read(ctx, keptPlan, &plan); err == nil && found {
		n.rawPlan = []byte(plan)
		n.plan, err = readPlan(n.rawPlan)
	}
	if err != nil {
		return err
	}
	_, err = n.kept.read(ctx, keptCursor, &n.cursor)
	return err
}

// take takes the state of the box office. n.mu is held, or nobody else knows n yet.
func (n *Node) take(s checkin.NodeState) error {
	if s.State.Event.ID != n.paired.Event {
		return fmt.Errorf("the box office speaks of the event %q, and this gate node is paired with %s", s.State.Event.ID, n.paired.Event)
	}
	document, err := codec.Marshal(s.State.Keys)
	if err != nil {
		return err
	}
	keys, err := ticket.ParseKeys(document)
	if err != nil {
		return err
	}
	n.state, n.keys = s, keys
	for i := range s.Devices {
		if s.Devices[i].ID == n.paired.Device {
			n.self = s.Devices[i].Paired(n.paired.Event).Device
		}
	}
	return nil
}

// readPlan reads a seating plan as the API sends it.
func readPlan(raw []byte) (*seating.Plan, error) {
	var doc struct {
		*seating.Plan
		Seats []struct {
			Label  string `json:"label"`
			Number string `json:"number"`
		} `json:"seats"`
	}
	doc.Plan = &seating.Plan{}
	if err := codec.ReadKnown(raw, &doc); err != nil {
		return nil, fmt.Errorf("seating plan: %w", err)
	}
	p := doc.Plan
	for _, s := range doc.Seats {
		p.Seats = append(p.Seats, seating.Seat{Label: s.Label, Number: s.Number})
	}
	seats := int32(len(p.Seats))
	for i := range p.Sections {
		if s := &p.Sections[i]; s.First < 0 || s.Count < 0 || s.First+s.Count > seats || i == 0 && s.First != 0 {
			return nil, fmt.Errorf("seating plan: section %s has seats that are not in it", s.ID)
		}
	}
	if p.ID == "" || seats == 0 || len(p.Sections) == 0 {
		return nil, errors.New("seating plan: it is empty")
	}
	return p, nil
}

// Serve gives the gate node the service that decides, with what waits to be told.
func (n *Node) Serve(ctx context.Context, door *checkin.Service) error {
	n.door = door
	for after := int64(0); ; {
		list, err := n.kept.oldest(ctx, after)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1].Seq
		door.Owe(n.paired.Event, plain(list))
	}
	return n.rules(ctx)
}

// rules gives the service the settings and the devices.
func (n *Node) rules(ctx context.Context) error {
	n.mu.Lock()
	s, self := n.state, n.self
	n.mu.Unlock()
	devices := make([]checkin.Paired, len(s.Devices))
	for i := range s.Devices {
		devices[i] = s.Devices[i].Paired(n.paired.Event)
		if devices[i].ID == self.ID {
			devices[i].RevokedAt = self.RevokedAt
		}
	}
	return n.door.SetRules(ctx, s.Settings(), devices)
}

// EventID is the event that the gate node is for.
func (n *Node) EventID() string { return n.paired.Event }

// URL is the address of the box office.
func (n *Node) URL() string { return n.paired.URL }

// Now is the server's time.
func (n *Node) Now() time.Time { return n.clock.Now() }

// Keys are the keys with which tickets are verified.
func (n *Node) Keys() ticket.Keys {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.keys
}

// Node is this gate node; see checkin.Line.
func (n *Node) Node() checkinapi.Device {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self
}

// State tells whether the box office answers; see checkin.Line.
func (n *Node) State() checkin.LineState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return checkin.LineState{Up: n.up, SeenAt: n.seenAt, Timed: n.clock.Known()}
}

// List is the list of tickets; see checkin.Line.
func (n *Node) List() *ticket.List {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list
}

// PlanBody is the seating plan as the API sends it.
func (n *Node) PlanBody() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rawPlan
}

// Keep stores what the box office has to be told; see checkin.Line.
func (n *Node) Keep(ctx context.Context, tx *sql.Tx, list []checkin.Owed) error {
	return n.kept.owe(ctx, tx, list)
}

// Pair passes a pairing on; see checkin.Line.
func (n *Node) Pair(ctx context.Context, code, name string) (d checkinapi.Device, token string, err error) {
	p, err := n.office.pair(ctx, "device", code, name)
	var no *Refused
	switch {
	case errors.As(err, &no) && no.Status == http.StatusUnprocessableEntity:
		return d, "", errs.Bad("code", "pairing-over", "is unknown, was used, has expired, or is for another kind of device")
	case errors.As(err, &no) && no.Status == http.StatusTooManyRequests:
		return d, "", errs.New(errs.TooMany, "too-many-requests", "Too many codes were tried. Please wait a minute.").After(time.Minute)
	case err != nil:
		n.cfg.Log.WarnContext(ctx, "a device could not be paired", "error", err)
		return d, "", errs.New(errs.Unavailable, "no-line", "The box office does not answer, which pairs the devices.").After(5 * time.Second)
	}
	s := &p.State.Device
	d = checkinapi.Device{ID: s.ID, EventID: p.State.Event.ID, Name: s.Name, Entrance: s.Entrance, Names: s.Names, ValidFrom: s.ValidFrom.UnixMicro(), ValidUntil: s.ValidUntil.UnixMicro()}
	d.PairedAt = n.Now().UnixMicro()
	return d, p.Token, nil
}

// Events is the event as the box office has told of it; see checkin.Events.
func (n *Node) Events(_ context.Context, ids []string) (map[string]eventapi.Event, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := map[string]eventapi.Event{}
	for _, id := range ids {
		if e := &n.state.State.Event; e.ID == id {
			one := eventapi.Event{ID: id, Title: e.Title, Zone: e.TimeZone, PlanID: n.plan.ID, PlanVersion: n.plan.Version}
			if at, err := time.Parse(time.RFC3339, e.StartsAt); err == nil {
				one.Starts = at
			}
			found[id] = one
		}
	}
	return found, nil
}

// OwnEvent finds nothing: a gate node has no organizers.
func (n *Node) OwnEvent(context.Context, caller.Caller, string) (eventapi.Event, error) {
	return eventapi.Event{}, errs.Missing("event")
}

// Plan is the seating plan.
func (n *Node) Plan(context.Context, string, int64) (*seating.Plan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.plan, nil
}

// Close ends what waits for answers.
func (n *Node) Close() { n.asks.Close() }
