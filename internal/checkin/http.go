package checkin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
	"boxoffice/internal/safetext"
)

const private = "private, no-store"

func operation(id, method, path, summary, description string, traits route.Traits, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Door"}, Summary: summary, Description: description,
		Errors: append([]int{401, 404}, errors...), Metadata: route.Meta(traits)}
}

// micros is a time as it is kept; 0: none.
func micros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

// timeOf is a time as clients see it; nil: none.
func timeOf(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	t := time.UnixMicro(at).UTC()
	return &t
}

// doorEntrance is a way into the venue, with rules of its own where they are not the event's.
type doorEntrance struct {
	ID       string             `json:"id" maxLength:"32" doc:"Id of the entrance, chosen by the organizer: letters a to z, digits and dashes." example:"main"`
	Name     string             `json:"name" maxLength:"80" doc:"Name of the entrance." example:"Main entrance"`
	Sections []string           `json:"sections" required:"false" maxItems:"2000" doc:"Ids of the sections whose guests enter here. Empty: all." example:"[\"101\"]"`
	Reentry  checkinapi.Reentry `json:"reentry,omitempty" enum:"never,after-exit,always" doc:"Whether somebody who has left may come back in here. Absent: as for the event." example:"always"`
	OpensAt  *time.Time         `json:"opens_at,omitempty" doc:"Nobody is let in here before (RFC 3339). Absent: as for the event." example:"2027-03-01T17:30:00Z"`
	ClosesAt *time.Time         `json:"closes_at,omitempty" doc:"Nobody is let in here from then on (RFC 3339). Absent: as for the event." example:"2027-03-01T23:00:00Z"`
}

// DoorRules are the rules of a door as clients see and send them. The type is exported
// because the description of the API leaves out what is embedded and is not.
type DoorRules struct {
	Entrances []doorEntrance     `json:"entrances" minItems:"1" maxItems:"100" doc:"The ways into the venue."`
	Reentry   checkinapi.Reentry `json:"reentry" enum:"never,after-exit,always" doc:"Whether somebody who has left may come back. never: one visit for each ticket. after-exit: once the exit was scanned. always: exits are not scanned, and no second scan is refused." example:"after-exit"`
	OpensAt   *time.Time         `json:"opens_at,omitempty" doc:"Nobody is let in before (RFC 3339). Absent: any time." example:"2027-03-01T18:00:00Z"`
	ClosesAt  *time.Time         `json:"closes_at,omitempty" doc:"Nobody is let in from then on (RFC 3339). Absent: any time." example:"2027-03-01T23:00:00Z"`
	Alone     checkinapi.Alone   `json:"alone" enum:"admit,refuse" doc:"What a device does that cannot reach the server. admit: it decides by its list and the scans that it knows, and marks them. refuse: it lets nobody in." example:"admit"`
	Names     bool               `json:"names" doc:"Whether devices can be paired that see the names of guests." example:"false"`
	Codes     checkinapi.Codes   `json:"codes,omitempty" enum:"fixed,rotating" doc:"fixed: the code of a ticket stays the same. rotating: tickets can be bound to phones, which make a new code every few seconds. Default, if it is left out: fixed." example:"rotating"`
	Paper     *bool              `json:"paper,omitempty" doc:"With rotating codes: whether tickets are admitted that are bound to no phone, such as printed ones. Default, if it is left out: true." example:"true"`
}

func rulesOf(s *checkinapi.Settings) DoorRules {
	b := DoorRules{Reentry: s.Reentry, OpensAt: timeOf(s.OpensAt), ClosesAt: timeOf(s.ClosesAt), Alone: s.Alone, Names: s.Names, Codes: s.Codes, Paper: &s.Paper}
	for _, e := range s.Entrances {
		one := doorEntrance{e.ID, e.Name, e.Sections, e.Reentry, timeOf(e.OpensAt), timeOf(e.ClosesAt)}
		if one.Sections == nil {
			one.Sections = []string{}
		}
		b.Entrances = append(b.Entrances, one)
	}
	return b
}

func (b *DoorRules) settings(eventID string) checkinapi.Settings {
	s := checkinapi.Settings{EventID: eventID, Reentry: b.Reentry, OpensAt: micros(b.OpensAt), ClosesAt: micros(b.ClosesAt), Alone: b.Alone, Names: b.Names, Codes: b.Codes, Paper: b.Paper == nil || *b.Paper}
	for _, e := range b.Entrances {
		s.Entrances = append(s.Entrances, checkinapi.Entrance{ID: e.ID, Name: e.Name, Sections: e.Sections, Reentry: e.Reentry, OpensAt: micros(e.OpensAt), ClosesAt: micros(e.ClosesAt)})
	}
	return s
}

// doorSettings are the settings of a door as clients see them.
type doorSettings struct {
	DoorRules
	Version int64 `json:"version" doc:"Number that grows with each change. 0: nothing was set, and these are the defaults." example:"1"`
}

type doorOut struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         doorSettings
}

func answerDoor(s checkinapi.Settings, err error) (*doorOut, error) {
	if err != nil {
		return nil, err
	}
	body := doorSettings{rulesOf(&s), s.Version}
	raw, err := codec.Marshal(body)
	return &doorOut{errs.ETag(s.Version, raw), private, body}, err
}

type byEvent struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
}

type doorChange struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	IfMatch string `header:"If-Match" maxLength:"200" doc:"ETag of the settings that you last read. If there are newer ones, the answer is 412." example:"\"1\""`
	Body    DoorRules
}

// deviceKind is a kind of device as clients see and say it.
type deviceKind string

func (k deviceKind) kind() checkinapi.DeviceKind {
	if k == "device" {
		return checkinapi.Scanner
	}
	return checkinapi.DeviceKind(k)
}

func kindOf(k checkinapi.DeviceKind) deviceKind { return deviceKind(cmp.Or(string(k), "device")) }

type newPairing struct {
	Name       string     `json:"name" maxLength:"80" doc:"Name of the device." example:"Door 2, left"`
	Kind       deviceKind `json:"kind,omitempty" enum:"device,node" doc:"device: it scans. node: a gate node, which serves the check-in app to other devices in the house, and is paired with boxoffice gate-node. Absent: device." example:"device"`
	Entrance   string     `json:"entrance,omitempty" maxLength:"32" doc:"Id of the only entrance at which it may scan. Absent: any." example:"main"`
	Names      bool       `json:"names,omitempty" doc:"Whether it may search guests, and see their names." example:"false"`
	ValidFrom  *time.Time `json:"valid_from,omitempty" doc:"From when it may scan (RFC 3339). Absent: at once." example:"2027-03-01T16:00:00Z"`
	ValidUntil *time.Time `json:"valid_until,omitempty" doc:"Until when it may scan (RFC 3339). Absent: until a day after the event." example:"2027-03-02T04:00:00Z"`
}

type pairingIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Body newPairing
}

type pairingBody struct {
	Code      string    `json:"code" doc:"The code. It pairs one device, once, and is not shown again." example:"0123456789ab"`
	URL       string    `json:"url" doc:"Opens the check-in app and pairs the device that opens it; show it as a QR code. For a gate node: what it takes as --url." example:"https://tickets.example/gate#pair=0123456789ab"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when the code can be used (RFC 3339, UTC)." example:"2026-12-01T09:15:00Z"`
}

type pairingOut struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         pairingBody
}

// deviceBody is a device as organizers see it.
type deviceBody struct {
	ID         string     `json:"id" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Kind       deviceKind `json:"kind" enum:"device,node" doc:"device: it scans. node: a gate node." example:"device"`
	Name       string     `json:"name" doc:"Name of the device." example:"Door 2, left"`
	Entrance   string     `json:"entrance" doc:"Id of the only entrance at which it may scan. Empty: any." example:"main"`
	Names      bool       `json:"names" doc:"Whether it may search guests, and see their names." example:"false"`
	ValidFrom  time.Time  `json:"valid_from" doc:"From when it may scan (RFC 3339, UTC)." example:"2027-03-01T16:00:00Z"`
	ValidUntil time.Time  `json:"valid_until" doc:"Until when it may scan (RFC 3339, UTC)." example:"2027-03-02T04:00:00Z"`
	PairedAt   time.Time  `json:"paired_at" doc:"When it was paired (RFC 3339, UTC)." example:"2027-03-01T16:30:00Z"`
	SeenAt     time.Time  `json:"seen_at" doc:"When it has asked last, to the minute (RFC 3339, UTC)." example:"2027-03-01T19:30:00Z"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty" doc:"When it was revoked (RFC 3339, UTC). Absent: it was not." example:"2027-03-01T20:00:00Z"`
	Scans      int64      `json:"scans" doc:"Number of its scans." example:"412"`
	Invalid    int64      `json:"invalid" doc:"Number of those that were of codes that are no tickets: forged, malformed or with an unknown key. Many are guesses." example:"2"`
}

func deviceOf(d *checkinapi.Device) deviceBody {
	return deviceBody{d.ID, kindOf(d.Kind), d.Name, d.Entrance, d.Names, *timeOf(d.ValidFrom), *timeOf(d.ValidUntil), *timeOf(d.PairedAt), *timeOf(d.SeenAt), timeOf(d.RevokedAt), d.Scans, d.Invalid}
}

type deviceList struct {
	Items []deviceBody `json:"items" doc:"The devices, the one that was paired last first; revoked ones, too."`
}

type devicesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         deviceList
}

type deviceIn struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Device string `path:"device" maxLength:"64" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
}

type deviceOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         deviceBody
}

// seatSpot says where a seat is.
type seatSpot struct {
	Label     string `json:"label"`
	SectionID string `json:"section_id" doc:"Id of the section." example:"101"`
	Section   string `json:"section" doc:"Name of the section." example:"Stalls"`
	Row       string `json:"row" doc:"Label of the row. Empty in general admission." example:"A"`
	Number    string `json:"number" doc:"Number of the seat within its row. Empty in general admission." example:"12"`
}

func spotOf(s *checkinapi.Spot) *seatSpot {
	if s == nil {
		return nil
	}
	return &seatSpot{s.Label, s.SectionID, s.Section, s.Row, s.Number}
}

// earlierScan is the scan that let somebody in before.
type earlierScan struct {
	Device   string `json:"device" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Counter  int64  `json:"counter" doc:"Number of the scan, of the device." example:"12"`
	At       int64  `json:"at" doc:"When it was, ms since 1970." example:"1796068800000"`
	Entrance string `json:"entrance" doc:"Id of the entrance." example:"main"`
	Alone    bool   `json:"alone" doc:"Whether the device had decided alone." example:"false"`
}

func earlierOf(e *checkinapi.Earlier) *earlierScan {
	if e == nil {
		return nil
	}
	return &earlierScan{e.Device, e.Counter, e.At, e.Entrance, e.Alone}
}

// doorGuest is a seat with its guest.
type doorGuest struct {
	BookingID string       `json:"booking_id"`
	Reference string       `json:"reference" doc:"Reference of the booking." example:"K7XM-2Q9D"`
	Ordinal   int32        `json:"ordinal" doc:"Ordinal of the seat in the plan." example:"17"`
	Seat      seatSpot     `json:"seat" doc:"Where the seat is."`
	Name      string       `json:"name" doc:"Name of the guest. Empty: not known." example:"Robin Fan"`
	List      string       `json:"list,omitempty" doc:"List of guests that the booking is on. Absent: none." example:"Press"`
	Inside    bool         `json:"inside" doc:"Whether somebody is inside with this ticket." example:"true"`
	In        int64        `json:"in,omitempty" doc:"When somebody came in first, ms since 1970. Absent: never." example:"1796068800000"`
	Out       int64        `json:"out,omitempty" doc:"When somebody left last, ms since 1970. Absent: never." example:"1796070600000"`
	Entrance  string       `json:"entrance,omitempty" doc:"Id of the entrance at which somebody came in first." example:"main"`
	Double    *earlierScan `json:"double,omitempty" doc:"The last scan that let somebody in while somebody was inside. Absent: none did."`
}

func guestOf(v *checkinapi.Visit) doorGuest {
	return doorGuest{v.BookingID, v.Reference, v.Seat, *spotOf(&v.Spot), v.Name, v.List, v.Inside, v.In, v.Out, v.Entrance, earlierOf(v.Double)}
}

type guestList struct {
	Items []doorGuest `json:"items" doc:"The seats: of a search at most 50."`
}

type guestsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         guestList
}

const guestsMost = 50

func answerGuests(list []checkinapi.Visit, err error) (*guestsOut, error) {
	if err != nil {
		return nil, err
	}
	out := &guestsOut{private, guestList{make([]doorGuest, len(list))}}
	for i := range list {
		out.Body.Items[i] = guestOf(&list[i])
	}
	return out, nil
}

type guestsIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Q    string `query:"q" maxLength:"100" doc:"Words of a guest's name, a booking's reference or id, or a seat's label: at least 2 characters. Case and accents do not matter." example:"robin"`
	List string `query:"list" maxLength:"40" doc:"Instead of q: the name of a list, as attendance has it. The answer has all its seats." example:"Press"`
}

// doorCount is a number of guests.
type doorCount struct {
	ID      string `json:"id" doc:"Id of the entrance or section. Of a list: its name." example:"main"`
	Name    string `json:"name" doc:"Name of the entrance, the section or the list." example:"Main entrance"`
	Inside  int64  `json:"inside" doc:"How many are inside; of an entrance: who came in there last." example:"310"`
	Entered int64  `json:"entered" doc:"How many tickets were inside at least once." example:"322"`
	Tickets *int64 `json:"tickets,omitempty" doc:"Of a section or a list: how many tickets are sold or given away." example:"400"`
}

type doorInterval struct {
	At  time.Time `json:"at" doc:"When the five minutes began (RFC 3339, UTC)." example:"2027-03-01T18:30:00Z"`
	In  int64     `json:"in" doc:"How many came in." example:"84"`
	Out int64     `json:"out" doc:"How many left." example:"3"`
}

type attendanceBody struct {
	EventID   string         `json:"event_id"`
	At        time.Time      `json:"at"`
	Tickets   int64          `json:"tickets" doc:"How many tickets are sold or given away." example:"800"`
	Inside    int64          `json:"inside" doc:"How many are inside." example:"612"`
	Entered   int64          `json:"entered" doc:"How many tickets were inside at least once." example:"640"`
	Refused   int64          `json:"refused" doc:"How many scans were refused." example:"14"`
	Alone     int64          `json:"alone" doc:"How many scans let somebody in while the device could not ask." example:"20"`
	Untimed   int64          `json:"untimed" doc:"How many scans let somebody in with a code that changes with time, which could not be checked." example:"2"`
	Doubles   []doorGuest    `json:"doubles" doc:"Tickets with which somebody was let in while somebody was inside."`
	Entrances []doorCount    `json:"entrances" doc:"The same for each entrance."`
	Sections  []doorCount    `json:"sections" doc:"The same for each section."`
	Lists     []doorCount    `json:"lists" doc:"The same for each list of guests, by name."`
	Pace      []doorInterval `json:"pace" doc:"How many came and went, in intervals of five minutes, oldest first. Those without any are left out."`
}

type attendanceOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         attendanceBody
}

// countsOf are the numbers of sections or lists.
func countsOf(list []checkinapi.Count) []doorCount {
	out := make([]doorCount, len(list))
	for i, c := range list {
		out[i] = doorCount{c.ID, c.Name, c.Inside, c.Entered, &c.Tickets}
	}
	return out
}

func answerAttendance(a checkinapi.Attendance, err error) (*attendanceOut, error) {
	if err != nil {
		return nil, err
	}
	b := attendanceBody{a.EventID, *timeOf(a.At), a.Tickets, a.Inside, a.Entered, a.Refused, a.Alone, a.Untimed, []doorGuest{}, []doorCount{}, countsOf(a.Sections), countsOf(a.Lists), []doorInterval{}}
	for i := range a.Doubles {
		b.Doubles = append(b.Doubles, guestOf(&a.Doubles[i]))
	}
	for _, c := range a.Entrances {
		b.Entrances = append(b.Entrances, doorCount{c.ID, c.Name, c.Inside, c.Entered, nil})
	}
	for _, p := range a.Pace {
		b.Pace = append(b.Pace, doorInterval{*timeOf(p.At), p.In, p.Out})
	}
	return &attendanceOut{private, b}, nil
}

type newCorrection struct {
	BookingID string          `json:"booking_id" maxLength:"64"`
	Seat      string          `json:"seat" maxLength:"100" doc:"Label of the seat." example:"101-A-12"`
	Kind      checkinapi.Kind `json:"kind" enum:"in,out,undo" doc:"in: somebody is inside. out: somebody has left. undo: takes away the last scan of the seat that counts." example:"out"`
	Reason    string          `json:"reason" maxLength:"300" doc:"Why; it is kept with the correction." example:"The guest left by the side door."`
}

type correctionIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Body newCorrection
}

type correctionOut struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         scanAnswer
}

type newListed struct {
	BookingID string `json:"booking_id" maxLength:"64"`
	List      string `json:"list" maxLength:"40" doc:"Name of the list. Empty: none." example:"Press"`
}

type listedIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Body newListed
}

type listedBody struct {
	BookingID string `json:"booking_id"`
	List      string `json:"list" doc:"Name of the list, as it was written first: case and accents do not make another one. Empty: none." example:"Press"`
}

type listedOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         listedBody
}

// logLine is a line of the log.
type logLine struct {
	At        time.Time      `json:"at" doc:"When it was (RFC 3339, UTC)." example:"2027-03-01T19:30:00Z"`
	By        string         `json:"by" doc:"Id of the account. Empty: somebody with the link of the booking." example:"06a1b2c3d4e5f6g7"`
	What      checkinapi.Did `json:"what" enum:"settings,pairing,paired,revoked,list,correction,reissue" doc:"settings: the rules were set. pairing: a pairing code was made. paired: a device was paired with it. revoked: a device was. list: a booking was put on a list of guests, or taken off. correction: somebody corrected by hand who is inside. reissue: a ticket got a new code." example:"correction"`
	Device    string         `json:"device,omitempty" doc:"Name of the device." example:"Door 2, left"`
	BookingID string         `json:"booking_id,omitempty"`
	Seat      string         `json:"seat,omitempty" doc:"Label of the seat." example:"101-A-12"`
	Detail    string         `json:"detail" doc:"settings: all of them, as JSON. pairing, paired, revoked: id of the entrance; empty: any. list: its name; empty: none. correction: in, out or undo. reissue: number of the issue." example:"out"`
	Reason    string         `json:"reason,omitempty" doc:"Why." example:"The guest left by the side door."`
}

type logBody struct {
	Items []logLine `json:"items" doc:"The lines, latest first, at most 1,000."`
}

type logOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         logBody
}

const logMost = 1000

type listIn struct {
	ID    string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Since string `query:"since" maxLength:"50" doc:"Version of the list that the client has: ledger seq and issue rev, such as 42.7. The answer then has only what has changed since, if the node still knows." example:"42.7"`
}

type fileOut struct {
	ContentType  string `header:"Content-Type"`
	Disposition  string `header:"Content-Disposition"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

// binary describes an answer that is a file.
func binary(op huma.Operation, kind, says string) huma.Operation {
	op.Responses = map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: says}}}}}
	return op
}

const (
	listType = "application/octet-stream"
	listSays = "The list, or what has changed: see the door's documentation for its format."
)

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	s.registerRules(api)
	s.registerVisits(api)
	s.RegisterDoor(api)
	s.registerNodes(api)
}

func (s *Service) registerRules(api huma.API) {
	huma.Register(api, operation("get-door", http.MethodGet, "/events/{id}/door", "Read the settings of an event's door", "Entrances and rules, or the defaults. For the event's organizer and admins.", 0),
		func(ctx context.Context, in *byEvent) (*doorOut, error) {
			return answerDoor(s.Settings(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, operation("update-door", http.MethodPut, "/events/{id}/door", "Change the settings of an event's door", "Sets all of them. Devices follow at once, or as soon as they reach the server.", route.Organizers, 400, 409, 412, 422),
		func(ctx context.Context, in *doorChange) (*doorOut, error) {
			c := caller.From(ctx)
			version, err := errs.Expected(in.IfMatch, "door", func() (int64, error) {
				now, err := s.Settings(ctx, c, in.ID)
				return now.Version, err
			})
			if err != nil {
				return nil, err
			}
			return answerDoor(s.SetSettings(ctx, c, version, in.Body.settings(in.ID)))
		})
	pairing := operation("create-pairing", http.MethodPost, "/events/{id}/door/pairings", "Make a code that pairs a device", "The code pairs one device within 15 minutes, once. The device has the rights that are given here.", route.Organizers, 409, 422)
	pairing.DefaultStatus = http.StatusCreated
	huma.Register(api, pairing, func(ctx context.Context, in *pairingIn) (*pairingOut, error) {
		b := &in.Body
		p, err := s.Pair(ctx, caller.From(ctx), checkinapi.PairingRequest{EventID: in.ID, Kind: b.Kind.kind(), Name: b.Name, Entrance: b.Entrance, Names: b.Names, ValidFrom: micros(b.ValidFrom), ValidUntil: micros(b.ValidUntil)})
		if err != nil {
			return nil, err
		}
		return &pairingOut{http.StatusCreated, private, pairingBody{p.Code, p.URL, *timeOf(p.ExpiresAt)}}, nil
	})
	huma.Register(api, operation("list-devices", http.MethodGet, "/events/{id}/door/devices", "List the devices at an event's door", "For the event's organizer and admins.", 0),
		func(ctx context.Context, in *byEvent) (*devicesOut, error) {
			list, err := s.Devices(ctx, caller.From(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			out := &devicesOut{private, deviceList{make([]deviceBody, len(list))}}
			for i := range list {
				out.Body.Items[i] = deviceOf(&list[i])
			}
			return out, nil
		})
	huma.Register(api, operation("revoke-device", http.MethodDelete, "/events/{id}/door/devices/{device}", "Revoke a device", "It lets nobody in any more, at once on all nodes. What it has scanned before is still taken for two days. Revoking it again changes nothing.", 0),
		func(ctx context.Context, in *deviceIn) (*deviceOut, error) {
			d, err := s.Revoke(ctx, caller.From(ctx), in.ID, in.Device)
			if err != nil {
				return nil, err
			}
			return &deviceOut{private, deviceOf(&d)}, nil
		})
}

func (s *Service) registerVisits(api huma.API) {
	huma.Register(api, operation("get-attendance", http.MethodGet, "/events/{id}/door/attendance", "Count who is inside", "As far as the devices have sent their scans. For the event's organizer and admins.", 0),
		func(ctx context.Context, in *byEvent) (*attendanceOut, error) {
			return answerAttendance(s.Attendance(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, binary(operation("get-attendance-csv", http.MethodGet, "/events/{id}/door/attendance.csv", "Read who was inside as a CSV file", "A line for each ticket with which somebody came in, in the order of the seating plan. For the event's organizer and admins.", 0), "text/csv", "The file, in UTF-8."),
		func(ctx context.Context, in *byEvent) (*fileOut, error) {
			raw, err := s.attendanceCSV(ctx, caller.From(ctx), in.ID)
			return &fileOut{"text/csv; charset=utf-8", `attachment; filename="attendance-` + in.ID + `.csv"`, private, raw}, err
		})
	huma.Register(api, operation("search-guests", http.MethodGet, "/events/{id}/door/guests", "Search the guests of an event", "Finds tickets by name, reference or seat, or those of a list. For the event's organizer and admins.", 0, 422),
		func(ctx context.Context, in *guestsIn) (*guestsOut, error) {
			if in.List != "" {
				return answerGuests(s.OnList(ctx, caller.From(ctx), in.ID, in.List))
			}
			return answerGuests(s.Guests(ctx, caller.From(ctx), in.ID, in.Q, guestsMost))
		})
	correction := operation("create-correction", http.MethodPost, "/events/{id}/door/corrections", "Correct by hand who is inside", "Adds a scan by hand, with its reason and whose it is. One that would change nothing is refused.", route.Organizers, 409, 422)
	correction.DefaultStatus = http.StatusCreated
	huma.Register(api, correction, func(ctx context.Context, in *correctionIn) (*correctionOut, error) {
		b := &in.Body
		c := caller.From(ctx)
		if _, err := s.own(ctx, c, in.ID); err != nil {
			return nil, err
		}
		if !ofEvent(b.BookingID, in.ID) {
			return nil, errs.Bad("booking_id", "other-event", "is not a booking of this event")
		}
		a, err := s.Correct(ctx, c, checkinapi.Correction{BookingID: b.BookingID, Seat: b.Seat, Kind: b.Kind, Reason: b.Reason})
		if err != nil {
			return nil, err
		}
		return &correctionOut{http.StatusCreated, private, answerOf(&a)}, nil
	})
	huma.Register(api, operation("set-guest-list", http.MethodPost, "/events/{id}/door/lists", "Put a booking on a list of guests", "Gives a booking with tickets the name of a list, such as Press or VIP, or takes it off. The door says the name when one of its tickets is scanned. Sending it again changes nothing.", route.Organizers, 409, 422),
		func(ctx context.Context, in *listedIn) (*listedOut, error) {
			c := caller.From(ctx)
			if _, err := s.own(ctx, c, in.ID); err != nil {
				return nil, err
			}
			if !ofEvent(in.Body.BookingID, in.ID) {
				return nil, errs.Bad("booking_id", "other-event", "is not a booking of this event")
			}
			list, err := s.SetList(ctx, c, in.Body.BookingID, in.Body.List)
			return &listedOut{private, listedBody{in.Body.BookingID, list}}, err
		})
	huma.Register(api, operation("get-door-log", http.MethodGet, "/events/{id}/door/log", "Read what was done by hand at an event's door", "Who has set rules, paired and revoked devices, corrected who is inside, replaced tickets and kept lists of guests: when, and why. For the event's organizer and admins.", 0),
		func(ctx context.Context, in *byEvent) (*logOut, error) {
			list, err := s.Log(ctx, caller.From(ctx), in.ID, logMost)
			if err != nil {
				return nil, err
			}
			out := &logOut{private, logBody{make([]logLine, len(list))}}
			for i, e := range list {
				out.Body.Items[i] = logLine{*timeOf(e.At), e.By, e.What, e.Device, e.BookingID, e.Spot.Label, e.Detail, e.Reason}
			}
			return out, nil
		})
	huma.Register(api, binary(operation("get-event-list", http.MethodGet, "/events/{id}/door/list", "Read the list of an event's tickets", "Which tickets may enter: a digest for each seat, as devices have it. For the event's organizer and admins.", 0, 422), listType, listSays),
		func(ctx context.Context, in *listIn) (*fileOut, error) {
			if _, err := s.own(ctx, caller.From(ctx), in.ID); err != nil {
				return nil, err
			}
			return s.list(ctx, in.ID, in.Since)
		})
}

// list answers the list of an event's tickets.
func (s *Service) list(ctx context.Context, eventID, since string) (*fileOut, error) {
	l, err := s.salesOf(ctx, s.view(eventID))
	if err != nil {
		return nil, err
	}
	raw, err := l.encoded(since)
	return &fileOut{listType, `attachment; filename="` + eventID + `.bxdl"`, private, raw}, err
}

func (s *Service) attendanceCSV(ctx context.Context, c caller.Caller, eventID string) ([]byte, error) {
	visits, err := s.Visited(ctx, c, eventID)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	out := csv.NewWriter(&buf)
	_ = out.Write([]string{"reference", "seat", "section", "row", "number", "name", "list", "inside", "first_in", "last_out", "entrance", "double"})
	at := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).UTC().Format(time.RFC3339)
	}
	for v := range visits {
		cell := safetext.Cell
		_ = out.Write([]string{v.Reference, cell(v.Spot.Label), cell(v.Spot.Section), cell(v.Spot.Row), cell(v.Spot.Number), cell(v.Name), cell(v.List), strconv.FormatBool(v.Inside),
			at(v.In), at(v.Out), cell(v.Entrance), strconv.FormatBool(v.Double != nil)})
	}
	out.Flush()
	return buf.Bytes(), out.Error()
}
