package checkin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// The operations of gate nodes, and their types, which package gatenode reads and sends.

// NodeDevice is a device as a gate node has to know it, to take its scans.
type NodeDevice struct {
	ID         string     `json:"id" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Kind       deviceKind `json:"kind" enum:"device,node" doc:"device: it scans. node: a gate node." example:"device"`
	Name       string     `json:"name" doc:"Name of the device." example:"Door 2, left"`
	Entrance   string     `json:"entrance" doc:"Id of the only entrance at which it may scan. Empty: any." example:"main"`
	Names      bool       `json:"names" doc:"Whether it may let in guests who were found by name." example:"false"`
	ValidFrom  int64      `json:"valid_from" doc:"From when it may scan, µs since 1970." example:"1796068800000000"`
	ValidUntil int64      `json:"valid_until" doc:"Until when it may scan, µs since 1970." example:"1796155200000000"`
	RevokedAt  int64      `json:"revoked_at,omitempty" doc:"When it was revoked, µs since 1970. Absent: it was not." example:"1796072400000000"`
	Token      string     `json:"token" doc:"SHA-256 of its secret, in hexadecimal." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
}

// Paired is the device as it is stored.
func (d *NodeDevice) Paired(eventID string) Paired {
	return Paired{checkinapi.Device{ID: d.ID, EventID: eventID, Kind: d.Kind.kind(), Name: d.Name, Entrance: d.Entrance, Names: d.Names,
		ValidFrom: d.ValidFrom, ValidUntil: d.ValidUntil, PairedAt: d.ValidFrom, RevokedAt: d.RevokedAt}, d.Token}
}

// NodeState is all that a gate node has to know, but for the list, the plan and the scans.
type NodeState struct {
	State   doorState    `json:"state" doc:"What GET /door answers to the gate node itself."`
	Devices []NodeDevice `json:"devices" doc:"The devices of the event, revoked ones and gate nodes, too."`
}

// Settings are the settings of the door.
func (n *NodeState) Settings() checkinapi.Settings {
	s := n.State.Settings.settings(n.State.Event.ID)
	s.Version = n.State.Settings.Version
	return s
}

// ScanRecord is a scan with all that was decided about it, as the box office and gate nodes
// exchange it.
type ScanRecord struct {
	Device         string            `json:"device" doc:"Id of the device; office: an organizer's correction." example:"06a1b2c3d4e5f6g7"`
	Counter        int64             `json:"counter" doc:"Number of the scan, of the device." example:"12"`
	At             int64             `json:"at" doc:"Time of the hybrid logical clock, ms since 1970." example:"1796068800000"`
	N              int64             `json:"n" doc:"Tells apart what happened within the same ms." example:"0"`
	Kind           checkinapi.Kind   `json:"kind" enum:"in,out,undo" doc:"in: somebody comes in. out: somebody leaves. undo: takes away the scan that of names." example:"in"`
	Of             *scanRef          `json:"of,omitempty" doc:"Of an undo: the scan that it takes away."`
	BookingID      string            `json:"booking_id,omitempty" doc:"Id of the booking. Absent: the code could not be read." example:"06a1b2c3d4e5f6g70123456789abcdefghjk"`
	Ordinal        int32             `json:"ordinal" doc:"Ordinal of the seat in the plan." example:"17"`
	Entrance       string            `json:"entrance" doc:"Id of the entrance." example:"main"`
	How            checkinapi.How    `json:"how" enum:"camera,wedge,search,correction" doc:"camera: read by a camera. wedge: by a scanner that types. search: found by name. correction: by the organizer." example:"camera"`
	Said           checkinapi.Reason `json:"said,omitempty" doc:"Reason of the box office's decision. Absent: none." example:"ok"`
	Ruled          checkinapi.Reason `json:"ruled,omitempty" doc:"Reason of a gate node's decision. Absent: none." example:"ok"`
	Decided        checkinapi.Reason `json:"decided,omitempty" doc:"Reason of the device's decision. Absent: none." example:"ok"`
	BecauseDevice  string            `json:"because_device,omitempty" doc:"Of a copy: the device of the scan that let somebody in before." example:"06a1b2c3d4e5f6g7"`
	BecauseCounter int64             `json:"because_counter,omitempty" doc:"Of a copy: the number of that scan." example:"11"`
	OffsetKnown    bool              `json:"offset_known,omitempty" doc:"Whether the device knew its offset to the server's time." example:"true"`
	Untimed        bool              `json:"untimed,omitempty" doc:"The code changes with time, which could not be checked." example:"false"`
	Content        string            `json:"content" doc:"Digest of what never changes of a scan." example:"9f86d081884c7d65"`
	ReceivedAt     int64             `json:"received_at" doc:"When the box office received it, µs since 1970." example:"1796068800000000"`
}

func recordOf(e *entry) ScanRecord {
	r := ScanRecord{
		Device: e.Device, Counter: e.Counter, At: e.At, N: e.N, Kind: e.kind, BookingID: e.place.booking, Ordinal: e.place.seat, Entrance: e.entrance, How: e.how,
		Said: e.node.reason, Ruled: e.gate.reason, Decided: e.own.reason, BecauseDevice: e.because.Device, BecauseCounter: e.because.Counter,
		OffsetKnown: e.offsetKnown, Untimed: e.untimed, Content: e.content, ReceivedAt: e.received,
	}
	if e.kind == checkinapi.Undo {
		r.Of = &scanRef{e.of.Device, e.of.Counter}
	}
	return r
}

func (r *ScanRecord) entry() *entry {
	e := &entry{
		Ref: checkinapi.Ref{Device: r.Device, Counter: r.Counter}, Stamp: checkinapi.Stamp{At: r.At, N: r.N}, kind: r.Kind, place: place{r.BookingID, r.Ordinal},
		entrance: r.Entrance, how: r.How, node: decisionOf(string(r.Said)), gate: decisionOf(string(r.Ruled)), own: decisionOf(string(r.Decided)),
		because: checkinapi.Ref{Device: r.BecauseDevice, Counter: r.BecauseCounter}, offsetKnown: r.OffsetKnown, untimed: r.Untimed, content: r.Content, received: r.ReceivedAt,
	}
	if r.Of != nil {
		e.of = checkinapi.Ref(*r.Of)
	}
	return e
}

// RecordPage is a page of scans, in the order in which they were stored.
type RecordPage struct {
	Items  []ScanRecord `json:"items" doc:"The scans of all devices, in the order in which they were stored. One that was joined with a later copy comes again."`
	Cursor string       `json:"cursor" doc:"Where to go on: pass it as after." example:"42"`
	More   bool         `json:"more" doc:"Whether there are more now." example:"false"`
}

// NodeScan is a scan of a device as a gate node sends it.
type NodeScan struct {
	Device string            `json:"device" maxLength:"16" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Ruled  checkinapi.Reason `json:"ruled,omitempty" maxLength:"32" doc:"What the gate node has decided without the box office: ok, or why it has refused it. Absent: it asks, unless the device has decided." example:"ok"`
	Scan   doorScan          `json:"scan" doc:"The scan, as the device has sent it."`
}

// SentBy makes the scan of a device to be sent.
func SentBy(o *Owed) NodeScan {
	out := NodeScan{o.Device, o.Ruled, doorScan{
		Counter: o.Counter, At: o.At, N: o.N, Kind: o.Kind, Token: o.Token, BookingID: o.BookingID, Ordinal: o.Seat, Entrance: o.Entrance, How: o.How,
		Decided: o.Decided, Reason: o.Reason, OffsetKnown: o.OffsetKnown,
	}}
	if o.Kind == checkinapi.Undo {
		out.Scan.Of = &scanRef{o.Of.Device, o.Of.Counter}
	}
	return out
}

// Owed is the scan that was sent.
func (n *NodeScan) Owed() Owed { return Owed{n.Scan.scan(n.Device), n.Ruled, 0} }

// NodeScans are scans of several devices.
type NodeScans struct {
	Scans []NodeScan `json:"scans" minItems:"1" maxItems:"500" doc:"The scans, those of each device in the order in which they were made."`
}

// NodeAnswers are the answers to them.
type NodeAnswers struct {
	Now   int64        `json:"now" doc:"The server's time, µs since 1970." example:"1796068800000000"`
	Items []scanAnswer `json:"items" doc:"What became of the scans, in the order of the request."`
}

// Answers are the answers as the service gives them, without the bookings.
func (n *NodeAnswers) Answers() []checkinapi.Answer {
	out := make([]checkinapi.Answer, len(n.Items))
	for i := range n.Items {
		a := &n.Items[i]
		out[i] = checkinapi.Answer{Ref: checkinapi.Ref{Counter: a.Counter}, Stamp: checkinapi.Stamp{At: a.At, N: a.N}, Outcome: a.Outcome, Reason: a.Reason}
		if a.First != nil {
			out[i].First = &checkinapi.Earlier{Ref: checkinapi.Ref{Device: a.First.Device, Counter: a.First.Counter}, At: a.First.At, Entrance: a.First.Entrance, Alone: a.First.Alone}
		}
	}
	return out
}

type nodeStateIn struct {
	Seen []string `query:"seen" maxItems:"200" doc:"Ids of devices that have asked the gate node a moment ago: they are there, though they scan nothing." example:"06a1b2c3d4e5f6g7"`
}

type nodeStateOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         NodeState
}

type recordsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         RecordPage
}

type nodeScansIn struct{ Body NodeScans }

type nodeScansOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         NodeAnswers
}

// registerNodes adds the operations of gate nodes.
func (s *Service) registerNodes(api huma.API) {
	huma.Register(api, operation("get-node-state", http.MethodGet, "/door/node", "Read what a gate node has to know", "What GET /door says, and the devices whose scans it takes.", route.Device, 403, 422),
		func(ctx context.Context, in *nodeStateIn) (*nodeStateOut, error) {
			d, err := s.ofKind(ctx, checkinapi.GateNode, false)
			if err != nil {
				return nil, err
			}
			if err := s.seenVia(ctx, d.EventID, in.Seen); err != nil {
				return nil, err
			}
			state, err := s.state(ctx, d)
			if err != nil {
				return nil, err
			}
			devices, err := s.paired(ctx, d.EventID)
			return &nodeStateOut{private, NodeState{*state, devices}}, err
		})
	huma.Register(api, operation("list-node-scans", http.MethodGet, "/door/node/scans", "Read all scans", "For gate nodes: those of all devices with all that was decided, without names and notes, in the order in which the box office has stored them; at most 500.", route.Device, 403, 422),
		func(ctx context.Context, in *heardIn) (*recordsOut, error) {
			d, err := s.ofKind(ctx, checkinapi.GateNode, false)
			if err != nil {
				return nil, err
			}
			seq, err := seqOf(in.After)
			if err != nil {
				return nil, err
			}
			v := s.view(d.EventID)
			if err := s.refresh(ctx, v); err != nil {
				return nil, err
			}
			list, upto := v.since(seq, heardMost)
			page := RecordPage{make([]ScanRecord, len(list)), strconv.FormatInt(upto, 10), len(list) == heardMost}
			for i, e := range list {
				page.Items[i] = recordOf(e)
			}
			return &recordsOut{private, page}, nil
		})
	huma.Register(api, operation("create-node-scans", http.MethodPost, "/door/node/scans", "Send scans of devices at a gate node", "Decides scans that ask, and records those that the gate node or the device has decided: in order, all or none, as if the devices had sent them. "+
		"The same scan sent again gets the same answer. A gate node that was revoked may still send, for two days, what was scanned before.", route.Device|route.Bulk|route.LongNumbers, 403, 409, 422, 503),
		func(ctx context.Context, in *nodeScansIn) (*nodeScansOut, error) {
			d, err := s.ofKind(ctx, checkinapi.GateNode, true)
			if err != nil {
				return nil, err
			}
			return s.sendFor(ctx, d, in.Body.Scans)
		})
}

// paired lists the devices of an event as gate nodes see them.
func (s *Service) paired(ctx context.Context, eventID string) ([]NodeDevice, error) {
	list := []NodeDevice{}
	rows, err := s.cfg.DB.Reader().QueryContext(ctx, sqlPaired, eventID)
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var token string
		d, err := readDevice(after1{rows, &token})
		if err != nil {
			return nil, err
		}
		list = append(list, NodeDevice{d.ID, kindOf(d.Kind), d.Name, d.Entrance, d.Names, d.ValidFrom, d.ValidUntil, d.RevokedAt, token})
	}
	return list, rows.Err()
}

// after1 scans a first column apart from the others.
type after1 struct {
	from interface{ Scan(...any) error }
	one  any
}

func (a after1) Scan(to ...any) error { return a.from.Scan(append([]any{a.one}, to...)...) }

// sendFor takes scans that a gate node sends for its devices.
func (s *Service) sendFor(ctx context.Context, node *checkinapi.Device, list []NodeScan) (*nodeScansOut, error) {
	scans := make([]doorScan, len(list))
	for i := range list {
		scans[i] = list[i].Scan
	}
	if err := checkScans(scans); err != nil {
		return nil, inScan(err)
	}
	r := &request{eventID: node.EventID, via: node.ID, scans: make([]checkinapi.Scan, len(list)), ruled: make([]decision, len(list))}
	for i := range list {
		r.scans[i], r.ruled[i] = list[i].Scan.scan(list[i].Device), decisionOf(string(list[i].Ruled))
		if list[i].Ruled != "" && !slices.Contains(checkinapi.Reasons, list[i].Ruled) {
			return nil, errs.Bad(fmt.Sprintf("scans[%d].ruled", i), "not-one-of", "is not a reason of an outcome")
		}
	}
	s.readCodes(r)
	if err := s.submit(ctx, r); err != nil {
		return nil, err
	}
	out := &nodeScansOut{private, NodeAnswers{s.cfg.Now().UnixMicro(), make([]scanAnswer, len(list))}}
	for i := range r.answers {
		out.Body.Items[i] = answerOf(&r.answers[i])
	}
	ids := make([]string, len(r.scans))
	for i := range r.scans {
		ids[i] = r.scans[i].Device
	}
	return out, s.seenVia(ctx, node.EventID, ids)
}

// inScan says that fields of a scan are within an item that a gate node sends.
func inScan(err error) error {
	var e *errs.Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			e.Fields[i].Name = strings.Replace(e.Fields[i].Name, "].", "].scan.", 1)
		}
	}
	return err
}

// seenVia notes that devices have asked through a gate node.
func (s *Service) seenVia(ctx context.Context, eventID string, ids []string) error {
	v := s.view(eventID)
	if v.known() == nil { // this node was just started
		if err := s.refresh(ctx, v); err != nil {
			return err
		}
	}
	rules := v.known()
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if d := rules.devices[id]; d != nil {
			if err := s.seen(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}
