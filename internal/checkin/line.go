package checkin

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/ticket"
)

// Line leads from a gate node to the box office (package gatenode). With it, the service
// decides by a list of tickets instead of bookings, and by the scans that it has heard of.
type Line interface {
	// Node is this gate node, as the box office has paired it.
	Node() checkinapi.Device
	// State tells whether the box office answers now.
	State() LineState
	// List is the list of tickets that the box office has sent last.
	List() *ticket.List
	// Ask has the box office decide scans that ask, and answers them in order. An error
	// means that it did not answer in time.
	Ask(ctx context.Context, scans []checkinapi.Scan) ([]checkinapi.Answer, error)
	// Pair has the box office pair a device. Unavailable no-line: it does not answer.
	Pair(ctx context.Context, code, name string) (d checkinapi.Device, token string, err error)
	// Keep stores what the box office has to be told, in the transaction that stores the
	// scans.
	Keep(ctx context.Context, tx *sql.Tx, owed []Owed) error
}

// LineState says how a gate node is connected to the box office.
type LineState struct {
	Up     bool
	SeenAt int64 // µs since 1970: when list and rules were compared with the box office last
	Timed  bool  // Config.Now is the box office's time within ticket.OffsetMost
}

// Owed is a scan of which the box office does not know yet, or not how it was decided.
type Owed struct {
	checkinapi.Scan
	Ruled checkinapi.Reason // why the gate node has admitted or refused it; "": it has not
	Seq   int64             // of the scan here
}

func owedOf(sc *checkinapi.Scan, e *entry) Owed {
	o := Owed{*sc, e.gate.reason, e.seq}
	o.Stamp, o.Decided, o.Reason = e.Stamp, e.own.outcome, e.own.reason
	o.OffsetKnown = e.offsetKnown && !e.untimed // whoever decided could check the time
	return o
}

// listed is standing by the list. It does not name phones: an issue is bound to one at
// most, and only the office can have signed it.
func (g *ground) listed(p place, c *code) (holder string, current uint16, bound ticket.PhoneKey) {
	err := g.list.Check(ticket.Ticket{BookingID: p.booking, Seat: p.seat, Issue: c.issue})
	switch {
	case err == nil:
		return p.booking, c.issue, c.shown.Phone
	case errors.Is(err, ticket.ErrReplaced) && c.issue < math.MaxUint16:
		return p.booking, c.issue + 1, bound
	}
	return "", 0, bound
}

// askOffice asks the box office about the scans that ask. It leaves out those of places of
// which the box office does not know all scans.
func (s *Service) askOffice(ctx context.Context, r *request) error {
	r.via = s.cfg.Line.Node().ID
	if !s.cfg.Line.State().Up {
		return nil
	}
	v := s.view(r.eventID)
	if err := s.refresh(ctx, v); err != nil {
		return err
	}
	var ask []checkinapi.Scan
	var at []int
	v.mu.Lock()
	for i := range r.scans {
		sc, p := &r.scans[i], r.codes[i].place
		if named := v.scans[sc.Of]; named != nil {
			p = named.place
		}
		if sc.Decided == "" && v.scans[sc.Ref] == nil && !v.owes(v.places[p]) {
			ask, at = append(ask, *sc), append(at, i)
		}
	}
	v.mu.Unlock()
	if len(ask) == 0 {
		return nil
	}
	answers, err := s.cfg.Line.Ask(ctx, ask)
	if err != nil || len(answers) != len(ask) {
		return nil //nolint:nilerr // the gate node decides
	}
	r.asked = make([]checkinapi.Answer, len(r.scans))
	for i := range answers {
		r.asked[at[i]] = answers[i]
	}
	return nil
}

// owes reports whether the box office lacks some of the scans. v.mu is held.
func (v *view) owes(list []*entry) bool {
	return slices.ContainsFunc(withUndos(list, v.undos), func(e *entry) bool { return v.owed[e.Ref] != 0 })
}

// owe notes what the box office has to be told.
func (v *view) owe(list []Owed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range list {
		v.owed[list[i].Ref] = list[i].Seq
	}
}

// believed takes the decision of the box office on a scan, if it has answered. It does not
// where the box office lacks scans by which it would have decided otherwise.
func (d *draft) believed(r *request, i int, e *entry) bool {
	if r.asked == nil || r.asked[i].Reason == "" {
		return false
	}
	a := &r.asked[i]
	switch a.Reason {
	case checkinapi.OK, checkinapi.AlreadyInside, checkinapi.NoReentry, checkinapi.NotInside, checkinapi.NothingToUndo:
		lacks := func(o *entry) bool {
			return d.view.owed[o.Ref] != 0 || slices.ContainsFunc(d.owed, func(w Owed) bool { return w.Ref == o.Ref })
		}
		if slices.ContainsFunc(d.entries(e.place), lacks) {
			return false
		}
	}
	e.node, e.Stamp = decisionOf(string(a.Reason)), later(e.Stamp, a.Stamp)
	if a.First != nil {
		e.because = a.First.Ref
	}
	return true
}

// Owe tells the service what the box office has to be told, when a gate node starts.
func (s *Service) Owe(eventID string, list []Owed) { s.view(eventID).owe(list) }

// Told says that the box office was told of scans.
func (s *Service) Told(eventID string, list []Owed) {
	v := s.view(eventID)
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range list {
		if v.owed[list[i].Ref] == list[i].Seq {
			delete(v.owed, list[i].Ref)
		}
	}
}

// Asked lists the devices that have asked this gate node in the last two minutes.
func (s *Service) Asked() []string {
	return s.trust.after(s.cfg.Now().Add(-2 * time.Minute).UnixMicro())
}

// Merge joins scans that the box office has sent with those that are here.
func (s *Service) Merge(ctx context.Context, eventID string, records []ScanRecord) error {
	v := s.view(eventID)
	var d *draft
	err := s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		h, err := s.locked(ctx, tx, v)
		if err != nil {
			return err
		}
		d = &draft{view: v, seq: h.seq, scans: map[checkinapi.Ref]*entry{}}
		d.merge(records)
		if len(d.list) == 0 {
			return nil
		}
		return s.store.write(ctx, tx, eventID, d.list, d.seq)
	})
	if err != nil {
		return fmt.Errorf("merge scans: %w", err)
	}
	v.apply(d.list, nil)
	return nil
}

// merge joins records with what is known. Where the box office knows all of a scan, its
// stamp counts, so that both order it in the same way.
func (d *draft) merge(records []ScanRecord) {
	d.view.mu.Lock()
	defer d.view.mu.Unlock()
	for i := range records {
		e := records[i].entry()
		if known := d.known(e.Ref); known != nil {
			joined := join(*known, *e)
			joined.content, joined.seq = known.content, known.seq
			if d.view.owed[e.Ref] == 0 {
				joined.Stamp = e.Stamp
			}
			if joined == *known {
				continue
			}
			e = &joined
		}
		d.seq++
		e.seq = d.seq
		d.scans[e.Ref] = e
	}
	d.changed()
}

// changed lists what a draft has added or joined: each once, however often it was sent.
func (d *draft) changed() {
	for _, e := range d.scans {
		d.list = append(d.list, e)
	}
	slices.SortFunc(d.list, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
}

// Paired is a device with what is stored of its token.
type Paired struct {
	checkinapi.Device
	Token string // SHA-256, in hexadecimal
}

const (
	// By the primary key of door_devices.
	sqlPutDevice = sqlAddDevice + ` ON CONFLICT (event_id, id) DO UPDATE SET kind = excluded.kind, name = excluded.name, entrance = excluded.entrance, names = excluded.names,
		valid_from = excluded.valid_from, valid_until = excluded.valid_until, revoked_at = excluded.revoked_at, token = excluded.token`
	sqlPaired = `SELECT token, ` + deviceColumns + ` FROM door_devices WHERE event_id = $1 ORDER BY id`
)

// SetRules stores the settings and devices of an event as the box office has them. Devices
// that are not among them stay as they are: they were paired a moment ago.
func (s *Service) SetRules(ctx context.Context, settings checkinapi.Settings, devices []Paired) error {
	v := s.view(settings.EventID)
	if err := s.refresh(ctx, v); err != nil {
		return err
	}
	raw, err := codec.Marshal(settings)
	if err != nil {
		return fmt.Errorf("store settings: %w", err)
	}
	known := v.known()
	was, err := codec.Marshal(known.settings)
	if err != nil {
		return fmt.Errorf("store settings: %w", err)
	}
	changed := string(raw) != string(was) || known.settings.Version != settings.Version
	for i := range devices {
		one := known.devices[devices[i].ID]
		changed = changed || one == nil || one.RevokedAt != devices[i].RevokedAt || one.Name != devices[i].Name || one.ValidUntil != devices[i].ValidUntil
	}
	if !changed {
		return nil
	}
	err = s.store.change(ctx, settings.EventID, func(tx *sql.Tx) error {
		for i := range devices {
			if err := putDevice(ctx, tx, &devices[i]); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, sqlSetSettings, settings.EventID, settings.Version, string(raw), "", s.cfg.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("store the rules of the box office: %w", err)
	}
	s.trust.forget()
	return s.refresh(ctx, v)
}

func putDevice(ctx context.Context, tx *sql.Tx, d *Paired) error {
	_, err := tx.ExecContext(ctx, sqlPutDevice, d.EventID, d.ID, d.Kind, d.Name, d.Entrance, d.Names, d.ValidFrom, d.ValidUntil, d.PairedAt, d.PairedBy, d.SeenAt, d.RevokedAt, d.Token)
	return err
}

// Changed has the devices of an event read again what they have to know.
func (s *Service) Changed(ctx context.Context, eventID string) error {
	if err := s.store.change(ctx, eventID, func(*sql.Tx) error { return nil }); err != nil {
		return err
	}
	return s.refresh(ctx, s.view(eventID))
}

// passPairing has the box office pair a device, which may then use this gate node at once.
func (s *Service) passPairing(ctx context.Context, code, name string) (d checkinapi.Device, token string, err error) {
	if d, token, err = s.cfg.Line.Pair(ctx, code, name); err != nil {
		return d, "", err
	}
	if d.EventID != s.cfg.Line.Node().EventID {
		return d, "", errs.Bad("code", "other-event", "is for a device of another event than this gate node")
	}
	err = s.store.change(ctx, d.EventID, func(tx *sql.Tx) error { return putDevice(ctx, tx, &Paired{d, hash(token)}) })
	if err != nil {
		return d, "", fmt.Errorf("pair a device: %w", err)
	}
	return d, token, s.refresh(ctx, s.view(d.EventID))
}
