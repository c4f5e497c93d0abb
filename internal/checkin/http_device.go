package checkin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/route"
	"boxoffice/internal/ticket"
)

func ofEvent(bookingID, eventID string) bool { return id.Event(bookingID) == eventID }

type pairBody struct {
	Code string     `json:"code" maxLength:"40" doc:"The pairing code. Case, dashes and spaces do not matter." example:"0123456789ab"`
	Name string     `json:"name,omitempty" maxLength:"80" doc:"Name of the device, instead of the one that the organizer gave it." example:"Robin's phone"`
	Kind deviceKind `json:"kind,omitempty" enum:"device,node" doc:"What is to be paired: the kind that the code was made for. Absent: device." example:"device"`
}

type pairIn struct{ Body pairBody }

// stateDevice is a device as it sees itself.
type stateDevice struct {
	ID         string `json:"id" doc:"Id of the device: other devices hear of its scans by it." example:"06a1b2c3d4e5f6g7"`
	Name       string `json:"name" doc:"Name of the device." example:"Door 2, left"`
	Entrance   string `json:"entrance" doc:"Id of the only entrance at which it may scan. Empty: any." example:"main"`
	Names      bool   `json:"names" doc:"Whether it may search guests, and see their names." example:"false"`
	ValidFrom  string `json:"valid_from" doc:"From when it may scan (RFC 3339, UTC)." example:"2027-03-01T16:00:00Z"`
	ValidUntil string `json:"valid_until" doc:"Until when it may scan (RFC 3339, UTC)." example:"2027-03-02T04:00:00Z"`
}

type stateEvent struct {
	ID       string `json:"id" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
	Title    string `json:"title" doc:"Title of the event." example:"Night of the Violins"`
	StartsAt string `json:"starts_at,omitempty" doc:"When the event begins (RFC 3339, with its offset). Absent: not known." example:"2027-03-01T20:00:00+01:00"`
	TimeZone string `json:"time_zone" doc:"IANA name of the event's time zone." example:"Europe/Berlin"`
}

// doorKey is a key with which tickets are verified.
type doorKey struct {
	Type      string `json:"kty" doc:"Type of the key: OKP." example:"OKP"`
	Curve     string `json:"crv" doc:"Its curve: Ed25519." example:"Ed25519"`
	ID        string `json:"kid" doc:"Id of the key, as it is in tickets, in hexadecimal." example:"9f86d081"`
	Algorithm string `json:"alg" doc:"Its algorithm: EdDSA." example:"EdDSA"`
	Use       string `json:"use" doc:"What it is used for: sig." example:"sig"`
	X         string `json:"x" doc:"The public key, in base64url." example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
}

type doorKeys struct {
	Keys []doorKey `json:"keys" doc:"The keys, the newest first."`
}

type stateCounts struct {
	Tickets   int64       `json:"tickets" doc:"How many tickets are sold or given away." example:"800"`
	Inside    int64       `json:"inside" doc:"How many are inside." example:"612"`
	Entered   int64       `json:"entered" doc:"How many tickets were inside at least once." example:"640"`
	Entrances []doorCount `json:"entrances" doc:"The same for each entrance."`
	Lists     []doorCount `json:"lists" doc:"The same for each list of guests, if the device may see names; else none."`
}

// stateLine is how a gate node is connected to the box office.
type stateLine struct {
	Up     bool  `json:"up" doc:"Whether the box office answers. false: scans are decided by the list and by what was scanned here." example:"false"`
	SeenAt int64 `json:"seen_at" doc:"When list and rules were compared with the box office last, µs since 1970." example:"1796068800000000"`
}

// doorState is all that a device has to know, but for the list and the plan.
type doorState struct {
	Device   stateDevice        `json:"device" doc:"The device that asks."`
	Event    stateEvent         `json:"event" doc:"The event."`
	Settings doorSettings       `json:"settings" doc:"Entrances and rules of the door."`
	Keys     doorKeys           `json:"keys" doc:"The keys with which tickets are verified, as a JWK set (RFC 7517, RFC 8037)."`
	Now      int64              `json:"now" doc:"The server's time, µs since 1970." example:"1796068800000000"`
	Time     *ticket.SignedTime `json:"time,omitempty" doc:"The same, signed for the id of this device. Absent: this server has no keys to sign with, and its time must not be relied on for codes that change."`
	List     listVersion        `json:"list" doc:"Version of the list of tickets."`
	Plan     string             `json:"plan" doc:"Path of the seating plan." example:"/events/06a1b2c3d4e5f6g7/plan?drawn=false"`
	Counts   stateCounts        `json:"counts" doc:"Who is inside, in numbers."`
	Line     *stateLine         `json:"line,omitempty" doc:"Of a gate node: its line to the box office. Absent: this is the box office."`
}

type stateOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         doorState
}

type pairedBody struct {
	Device string    `json:"device" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Token  string    `json:"token" doc:"The device's secret. Send it as Authorization: Bearer. It is not shown again." example:"door_0123456789abcdefghjkmnpqrs"`
	State  doorState `json:"state" doc:"The same as GET /door answers."`
}

type pairedOut struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         pairedBody
}

// doorScan is a scan as a device sends it.
type doorScan struct {
	Counter     int64              `json:"counter" minimum:"1" maximum:"9007199254740991" doc:"Number of the scan, of the device. A scan that is sent again keeps it." example:"12"`
	At          int64              `json:"at" minimum:"946684800000" maximum:"4102444800000" doc:"Time of the device's hybrid logical clock, ms since 1970, corrected by its offset to the server's time. One that is more than 10 minutes ahead of the server's time counts as 10 minutes ahead." example:"1796068800000"`
	N           int64              `json:"n,omitempty" minimum:"0" maximum:"1000000000" doc:"Logical part of the clock: tells apart what happened within the same ms." example:"0"`
	Kind        checkinapi.Kind    `json:"kind" enum:"in,out,undo" doc:"in: somebody comes in. out: somebody leaves. undo: takes away the scan that of names." example:"in"`
	Token       string             `json:"token,omitempty" maxLength:"4300" doc:"What the code of the ticket says. Anything else than a ticket is refused as malformed." example:"AIC2Q…"`
	BookingID   string             `json:"booking_id,omitempty" maxLength:"64" doc:"Id of the booking, with ordinal and instead of token, if the guest was found by name." example:"06a1b2c3d4e5f6g70123456789abcdefghjk"`
	Ordinal     int32              `json:"ordinal,omitempty" minimum:"0" doc:"Ordinal of the seat in the plan, with booking_id." example:"17"`
	Of          *scanRef           `json:"of,omitempty" doc:"Of an undo: the scan of this device that it takes away."`
	Entrance    string             `json:"entrance" maxLength:"32" doc:"Id of the entrance." example:"main"`
	How         checkinapi.How     `json:"how" enum:"camera,wedge,search" doc:"camera: read by a camera. wedge: by a scanner that types. search: found by name." example:"camera"`
	Decided     checkinapi.Outcome `json:"decided,omitempty" enum:"admitted,refused" doc:"What the device has decided alone. Absent: it asks. A scan that has asked without an answer may be sent again with this." example:"admitted"`
	Reason      checkinapi.Reason  `json:"reason,omitempty" enum:"ok,already-inside,no-reentry,not-sold,replaced,other-event,unknown-key,forged,malformed,wrong-entrance,too-early,too-late,device-revoked,not-allowed,not-inside,nothing-to-undo,alone,stale-code,not-bound" doc:"With decided: why. ok, if it admits." example:"ok"`
	OffsetKnown bool               `json:"offset_known,omitempty" doc:"Whether the device knows its offset to the server's time." example:"true"`
}

type doorScans struct {
	Scans []doorScan `json:"scans" minItems:"1" maxItems:"500" doc:"The scans, in the order in which they were made."`
}

type scansIn struct{ Body doorScans }

// scanAnswer is what became of a scan.
type scanAnswer struct {
	Counter int64              `json:"counter" doc:"Number of the scan, of the device." example:"12"`
	At      int64              `json:"at" doc:"The time that counts from now on, ms since 1970: the device's, or a later one. Move the device's clock to it if it is behind." example:"1796068800000"`
	N       int64              `json:"n" doc:"Its logical part." example:"0"`
	Outcome checkinapi.Outcome `json:"outcome" enum:"admitted,refused,recorded" doc:"admitted: let in, out, or taken away. refused: see reason. recorded: the device had decided; reason is what the server would have said." example:"admitted"`
	Reason  checkinapi.Reason  `json:"reason" enum:"ok,already-inside,no-reentry,not-sold,replaced,other-event,unknown-key,forged,malformed,wrong-entrance,too-early,too-late,device-revoked,not-allowed,not-inside,nothing-to-undo,alone,stale-code,not-bound" doc:"ok: admitted. already-inside: somebody is inside with this ticket, see first. no-reentry: has left, and nobody may come back. not-sold: given back, moved or cancelled. replaced: the code of an older issue of the ticket. other-event, unknown-key, forged, malformed: not a ticket for this event. wrong-entrance: the seat's guests enter elsewhere. too-early, too-late: the door is not open. device-revoked, not-allowed: the device may not. not-inside: nobody is. nothing-to-undo: the scan does not count. alone: the rules let nobody in while a device is alone. stale-code: the code changes every few seconds, and this is not one of now: a copy. not-bound: the code never changes, and the event admits only codes on phones." example:"ok"`
	Ordinal *int32             `json:"ordinal,omitempty" doc:"Ordinal of the seat in the plan. Absent: the code could not be read." example:"17"`
	Seat    *seatSpot          `json:"seat,omitempty" doc:"Where the seat is."`
	First   *earlierScan       `json:"first,omitempty" doc:"Of a copy: the scan that let somebody in before."`
	Name    string             `json:"name,omitempty" doc:"Name of the guest, if the device may see it." example:"Robin Fan"`
	List    string             `json:"list,omitempty" doc:"List of guests that the booking is on, the same." example:"Press"`
	Alone   bool               `json:"alone,omitempty" doc:"A gate node has decided it without the box office." example:"false"`
}

func answerOf(a *checkinapi.Answer) scanAnswer {
	out := scanAnswer{Counter: a.Counter, At: a.At, N: a.N, Outcome: a.Outcome, Reason: a.Reason, Seat: spotOf(a.Seat), First: earlierOf(a.First), Name: a.Name, List: a.List, Alone: a.Alone}
	if a.BookingID != "" {
		out.Ordinal = &a.Ordinal
	}
	return out
}

type scanAnswers struct {
	Now   int64        `json:"now" doc:"The server's time, µs since 1970." example:"1796068800000000"`
	Items []scanAnswer `json:"items" doc:"What became of the scans, in the order of the request."`
}

type scansOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         scanAnswers
}

type heardIn struct {
	After string `query:"after" maxLength:"20" doc:"cursor of the page before. Absent: from the beginning." example:"42"`
}

type heardOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         *heardPage
}

type ownListIn struct {
	Since string `query:"since" maxLength:"50" doc:"Version of the list that the device has: ledger seq and issue rev, such as 42.7. The answer then has only what has changed since, if the node still knows." example:"42.7"`
}

type findIn struct {
	Q    string `query:"q" maxLength:"100" doc:"Words of a guest's name, a booking's reference or id, or a seat's label: at least 2 characters. Case and accents do not matter." example:"robin"`
	List string `query:"list" maxLength:"40" doc:"Instead of q: the name of a list of guests. The answer has all its seats." example:"Press"`
}

type nothing struct{}

// AuthenticateDevice is for the gateway: it finds the device of a token.
func (s *Service) AuthenticateDevice(ctx context.Context, token string) (caller.Caller, error) {
	d, err := s.Authenticate(ctx, token)
	if err != nil {
		return caller.Caller{}, err
	}
	return caller.Caller{UserID: d.ID, Role: caller.Device}, nil
}

// RegisterDoor adds the operations of devices to the API: all that a gate node has.
func (s *Service) RegisterDoor(api huma.API) {
	pair := operation("create-device", http.MethodPost, "/door/pair", "Pair this device", "Pairs a device by a code from its organizer. Each code works once.", route.Open|route.Entry, 409, 422)
	pair.DefaultStatus = http.StatusCreated
	huma.Register(api, pair, func(ctx context.Context, in *pairIn) (*pairedOut, error) {
		d, token, err := s.Enter(ctx, in.Body.Kind.kind(), in.Body.Code, in.Body.Name)
		if err != nil {
			return nil, err
		}
		state, err := s.state(ctx, &d)
		if err != nil {
			return nil, err
		}
		return &pairedOut{http.StatusCreated, private, pairedBody{d.ID, token, *state}}, nil
	})
	huma.Register(api, operation("get-door-state", http.MethodGet, "/door", "Read what this device has to know", "Event, entrances, rules, keys, and the versions of list and plan.", route.Device, 403),
		func(ctx context.Context, _ *nothing) (*stateOut, error) {
			d, err := s.asking(ctx, false)
			if err != nil {
				return nil, err
			}
			state, err := s.state(ctx, d)
			if err != nil {
				return nil, err
			}
			return &stateOut{private, *state}, nil
		})
	huma.Register(api, binary(operation("get-door-list", http.MethodGet, "/door/list", "Read the list of tickets", "Which tickets may enter: a digest of four bytes for each seat.", route.Device, 403, 422), listType, listSays),
		func(ctx context.Context, in *ownListIn) (*fileOut, error) {
			d, err := s.asking(ctx, false)
			if err != nil {
				return nil, err
			}
			return s.list(ctx, d.EventID, in.Since)
		})
	huma.Register(api, operation("create-scans", http.MethodPost, "/door/scans", "Send scans", "Decides scans that ask, and records those that the device has decided alone: in order, all or none. The same scan sent again gets the same answer. "+
		"A device that was revoked may still send, for two days, what it has scanned before.", route.Device|route.Bulk|route.LongNumbers, 403, 409, 422, 503),
		func(ctx context.Context, in *scansIn) (*scansOut, error) {
			d, err := s.scanning(ctx, true)
			if err != nil {
				return nil, err
			}
			return s.send(ctx, d, in.Body.Scans)
		})
	huma.Register(api, operation("list-scans", http.MethodGet, "/door/scans", "Read the scans of other devices", "In the order in which the server has stored them, at most 500. Devices that decide alone need them.", route.Device, 403, 422),
		func(ctx context.Context, in *heardIn) (*heardOut, error) {
			d, err := s.scanning(ctx, false)
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
			page, err := s.heard(ctx, v, d.ID, seq)
			return &heardOut{private, page}, err
		})
	huma.Register(api, operation("search-door-guests", http.MethodGet, "/door/guests", "Search guests at the door", "Finds tickets by name, reference or seat, or those of a list, if the device may see names. A device may search 30 times a minute.", route.Device, 403, 422, 429),
		func(ctx context.Context, in *findIn) (*guestsOut, error) {
			d, err := s.naming(ctx, "door search", searchRate)
			if err != nil {
				return nil, err
			}
			if in.List != "" {
				return answerGuests(s.onList(ctx, d.EventID, in.List))
			}
			return answerGuests(s.find(ctx, d.EventID, in.Q, guestsMost))
		})
	huma.Register(api, operation("get-door-names", http.MethodGet, "/door/names", "Read which names have changed", "The guests are cut into pages, each with a digest: a device that may see names keeps them, so that it can search without a network, and reads the pages that have changed. It deletes them when it may not any more.", route.Device, 403, 429),
		func(ctx context.Context, _ *nothing) (*nameTableOut, error) { return s.nameTable(ctx) })
	huma.Register(api, operation("get-door-name-page", http.MethodGet, "/door/names/{page}", "Read the names of some guests", "A page of the guests: bookings with their names, lists and seats. A device may read 1,000 pages in an hour.", route.Device, 403, 422, 429),
		func(ctx context.Context, in *namePageIn) (*namePageOut, error) { return s.namePage(ctx, in.Page) })
}

// mayName reports whether a device may see names now.
func (s *Service) mayName(ctx context.Context, d *checkinapi.Device) (bool, error) {
	if !d.Names || s.cfg.Line != nil {
		return false, nil
	}
	v := s.view(d.EventID)
	if err := s.refresh(ctx, v); err != nil {
		return false, err
	}
	return v.known().settings.Names, nil
}

// checkScans checks what the schema cannot say, and names the fields.
func checkScans(list []doorScan) error {
	var f faults
	for i := range list {
		sc, at := &list[i], "scans["+strconv.Itoa(i)+"]."
		switch undo := sc.Kind == checkinapi.Undo; {
		case undo && (sc.Of == nil || sc.Token != "" || sc.BookingID != ""):
			f.add(at+"of", "names-the-scan", "must name the scan that an undo takes away, instead of a ticket")
		case !undo && sc.Of != nil:
			f.add(at+"of", "only-of-undo", "is only for an undo")
		case !undo && (sc.Token == "") == (sc.BookingID == ""):
			f.add(at+"token", "one-of", "must be given, or else booking_id and ordinal")
		}
		switch {
		case sc.Decided == "" && sc.Reason != "":
			f.add(at+"reason", "only-with-decided", "is only for scans that the device has decided")
		case sc.Decided != "" && (sc.Decided == checkinapi.Admitted) != (sc.Reason == checkinapi.OK) || sc.Decided != "" && sc.Reason == "":
			f.add(at+"reason", "not-the-reason", "must be ok for a scan that was admitted, and another one for a refused one")
		}
		if len(f.list) >= 20 {
			break
		}
	}
	return errs.Fields(f.list)
}

// scan is the scan of a device that was sent.
func (sc *doorScan) scan(device string) checkinapi.Scan {
	out := checkinapi.Scan{Ref: checkinapi.Ref{Device: device, Counter: sc.Counter}, Stamp: checkinapi.Stamp{At: sc.At, N: sc.N}, Kind: sc.Kind, Token: sc.Token, BookingID: sc.BookingID, Seat: sc.Ordinal,
		Entrance: sc.Entrance, How: sc.How, Decided: sc.Decided, Reason: sc.Reason, OffsetKnown: sc.OffsetKnown}
	if sc.Of != nil {
		out.Of = checkinapi.Ref(*sc.Of)
	}
	return out
}

// send takes the scans of a device.
func (s *Service) send(ctx context.Context, d *checkinapi.Device, list []doorScan) (*scansOut, error) {
	if err := checkScans(list); err != nil {
		return nil, err
	}
	scans := make([]checkinapi.Scan, len(list))
	for i := range list {
		scans[i] = list[i].scan(d.ID)
	}
	answers, err := s.Take(ctx, d.EventID, d.ID, scans)
	if err != nil {
		return nil, err
	}
	if err := s.addNames(ctx, d, answers); err != nil {
		return nil, err
	}
	out := &scansOut{private, scanAnswers{s.cfg.Now().UnixMicro(), make([]scanAnswer, len(answers))}}
	for i := range answers {
		out.Body.Items[i] = answerOf(&answers[i])
	}
	return out, nil
}

// addNames adds the names of guests to answers, if the device may see them.
func (s *Service) addNames(ctx context.Context, d *checkinapi.Device, answers []checkinapi.Answer) error {
	if may, err := s.mayName(ctx, d); err != nil || !may {
		return err
	}
	var ids []string
	for i := range answers {
		if answers[i].BookingID != "" {
			ids = append(ids, answers[i].BookingID)
		}
	}
	found, err := s.cfg.Bookings.Bookings(ctx, ids)
	if err != nil {
		return err
	}
	list := make([]bookingapi.Booking, 0, len(found))
	for _, b := range found {
		list = append(list, b)
	}
	names, err := s.namesOf(ctx, list)
	lists := s.view(d.EventID).known().lists
	for i := range answers {
		answers[i].Name, answers[i].List = names[answers[i].BookingID], lists[answers[i].BookingID]
	}
	return err
}

// state is what a device has to know.
func (s *Service) state(ctx context.Context, d *checkinapi.Device) (*doorState, error) {
	e, err := s.event(ctx, d.EventID)
	if err != nil {
		return nil, err
	}
	a, err := s.attended(ctx, d.EventID, false, time.Second)
	if err != nil {
		return nil, err
	}
	v := s.view(d.EventID)
	l, err := s.salesOf(ctx, v)
	if err != nil {
		return nil, err
	}
	settings := v.known().settings
	out := &doorState{
		Device:   stateDevice{d.ID, d.Name, d.Entrance, d.Names && settings.Names && s.cfg.Line == nil, time.UnixMicro(d.ValidFrom).UTC().Format(time.RFC3339), time.UnixMicro(d.ValidUntil).UTC().Format(time.RFC3339)},
		Event:    stateEvent{ID: e.ID, Title: e.Title, TimeZone: e.Zone},
		Settings: doorSettings{rulesOf(&settings), settings.Version},
		Now:      s.cfg.Now().UnixMicro(),
		List:     listVersion{l.version().seq, l.version().rev},
		Plan:     "/events/" + e.ID + "/plan?drawn=false",
		Counts:   stateCounts{a.Tickets, a.Inside, a.Entered, []doorCount{}, []doorCount{}},
	}
	if s.cfg.Line != nil {
		line := s.cfg.Line.State()
		out.Line = &stateLine{line.Up, line.SeenAt}
	}
	if !s.cfg.Signer.IsZero() {
		now := s.cfg.Signer.Time(d.ID, s.cfg.Now())
		out.Now, out.Time = now.Now, &now
	}
	if !e.Starts.IsZero() {
		out.Event.StartsAt = e.Starts.Format(time.RFC3339)
	}
	for _, c := range a.Entrances {
		out.Counts.Entrances = append(out.Counts.Entrances, doorCount{c.ID, c.Name, c.Inside, c.Entered, nil})
	}
	if out.Device.Names {
		out.Counts.Lists = countsOf(a.Lists)
	}
	return out, codec.ReadKnown(s.cfg.Keys().Document(), &out.Keys)
}

// Operation describes the feed of devices for the OpenAPI document.
func (s *Service) Operation() *huma.Operation {
	text := &huma.Schema{Type: huma.TypeString, Description: "Server-Sent Events: \"scans\" with a page as of GET /door/scans; \"list\" with seq and rev, when the list of tickets has changed; \"state\", when the rules have; \"revoked\", after which the stream ends.",
		Examples: []any{"event: list\nid: 42\ndata: {\"seq\":42,\"rev\":7}\n\n"}}
	op := operation("watch-door", http.MethodGet, "/door/live", "Watch the door", "A stream of Server-Sent Events that tells a device, within a second, what other devices have scanned.", route.Device, 403, 422, 503)
	op.Parameters = []*huma.Param{
		{Name: "after", In: "query", Description: "cursor of the last page that the device has. Absent: from the beginning.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "41"},
		{Name: "Last-Event-ID", In: "header", Description: "The same, as browsers send it when they reconnect.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "41"},
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}}}
	return &op
}
