package console

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/ticket"
)

// States of devices.
const (
	deviceReady   = "ready"
	deviceWaits   = "waits" // its time has not come yet
	deviceOver    = "over"
	deviceRevoked = "revoked"
)

// silentAfter is after how long without a word a device is said to be offline.
const silentAfter = 5 * time.Minute

// deviceRow is a device as it is listed.
type deviceRow struct {
	checkinapi.Device
	Where                          string // its entrance
	State                          string
	Silent                         bool // it should be in use, and has not been heard of
	From, Until, Paired, Seen, End time.Time
}

// guesses is from how many invalid codes on a device is said to guess.
const guesses = 20

// Guesses reports whether a device has scanned more codes that are no tickets than happens
// by mistake.
func (r *deviceRow) Guesses() bool { return r.Invalid >= guesses }

func deviceRowOf(v *page.Visit, e *eventapi.Event, rules *checkinapi.Settings, d *checkinapi.Device) deviceRow {
	zone, now := zoneOf(e), v.Now()
	at := func(micros int64) time.Time {
		if micros == 0 {
			return time.Time{}
		}
		return time.UnixMicro(micros).In(zone)
	}
	row := deviceRow{Device: *d, Where: v.T("door.entrance.any"), State: deviceReady, From: at(d.ValidFrom), Until: at(d.ValidUntil), Paired: at(d.PairedAt), Seen: at(d.SeenAt), End: at(d.RevokedAt)}
	if d.Kind == checkinapi.GateNode {
		row.Where = v.T("door.device.node")
	}
	if d.Entrance != "" {
		row.Where = namesOf(v, rules)(d.Entrance)
	}
	switch {
	case d.RevokedAt != 0:
		row.State = deviceRevoked
	case d.ValidUntil != 0 && now.UnixMicro() >= d.ValidUntil:
		row.State = deviceOver
	case now.UnixMicro() < d.ValidFrom:
		row.State = deviceWaits
	}
	quiet := now.Sub(row.Seen)
	hours := rules.At(d.Entrance)
	used := d.Scans > 0 || hours.OpensAt != 0 && d.SeenAt >= hours.OpensAt // not the one in a drawer
	over := !e.Over.IsZero() && now.After(e.Over) || hours.ClosesAt != 0 && now.UnixMicro() >= hours.ClosesAt
	row.Silent = row.State == deviceReady && quiet >= silentAfter && used && !over
	return row
}

// pairForm is the form that pairs a device.
type pairForm struct {
	Name, Entrance, From, Until string
	Gate                        string // address of the gate node at which the device scans; "": it scans at the box office
	Names, Node                 bool   // Node: it is a gate node
	Faults                      page.Faults
}

// doorDevices lists the devices of an event, and makes the code that pairs another one.
func (c *Console) doorDevices(v *page.Visit, e *eventapi.Event) error {
	f := pairForm{}
	if v.Method == http.MethodPost {
		f = pairForm{Name: v.PostFormValue("name"), Entrance: v.PostFormValue("entrance"), From: v.PostFormValue("valid_from"), Until: v.PostFormValue("valid_until"), Gate: strings.TrimSuffix(strings.TrimSpace(v.PostFormValue("gate")), "/"), Names: v.PostFormValue("names") != "", Node: v.PostFormValue("kind") == string(checkinapi.GateNode)}
		p, err := c.pair(v, e, &f)
		if err == nil {
			return c.showPairing(v, e, &f, &p)
		}
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok {
			return err
		}
	}
	rules, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	devices, err := c.Door.Devices(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	list := make([]deviceRow, len(devices))
	for i := range devices {
		list[i] = deviceRowOf(v, e, &rules, &devices[i])
	}
	order := []string{deviceReady, deviceWaits, deviceOver, deviceRevoked}
	slices.SortStableFunc(list, func(a, b deviceRow) int {
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	})
	nodes := slices.ContainsFunc(list, func(r deviceRow) bool { return r.Kind == checkinapi.GateNode && r.State == deviceReady })
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door_devices", page.Meta{Title: v.T("door.devices"), NoIndex: true}, map[string]any{
		"Event": e, "List": list, "Form": &f, "Rules": &rules, "Entrances": c.entranceChoices(v, &rules), "Nodes": nodes,
	})
}

// entranceChoices are the entrances with their names for people.
func (c *Console) entranceChoices(v *page.Visit, rules *checkinapi.Settings) (list []checkinapi.Entrance) {
	name := namesOf(v, rules)
	for _, one := range rules.Entrances {
		list = append(list, checkinapi.Entrance{ID: one.ID, Name: name(one.ID)})
	}
	return list
}

func (c *Console) pair(v *page.Visit, e *eventapi.Event, f *pairForm) (checkinapi.Pairing, error) {
	r := checkinapi.PairingRequest{EventID: e.ID, Name: f.Name, Entrance: f.Entrance, Names: f.Names}
	if f.Node { // for all entrances, without names
		r.Kind, r.Entrance, r.Names = checkinapi.GateNode, "", false
	}
	var bad []errs.Field
	r.ValidFrom, bad = instant(bad, "valid_from", f.From, zoneOf(e))
	r.ValidUntil, bad = instant(bad, "valid_until", f.Until, zoneOf(e))
	if u, err := url.Parse(f.Gate); f.Gate != "" && (err != nil || u.Hostname() == "" || f.Gate != "https://"+u.Host) {
		bad = append(bad, errs.Why("not-a-gate-node", "must be the address of a gate node, such as https://gate.example.org:8443, not %q", f.Gate).In("gate"))
	}
	if len(bad) > 0 {
		return checkinapi.Pairing{}, errs.Fields(bad)
	}
	return c.Door.Pair(v.Context(), v.Caller, r)
}

// showPairing shows a code, once.
func (c *Console) showPairing(v *page.Visit, e *eventapi.Event, f *pairForm, p *checkinapi.Pairing) error {
	gate := v.URL("/gate")
	if f.Gate != "" && !f.Node {
		gate = f.Gate + "/gate"
		p.URL = gate + "#pair=" + p.Code
	}
	code, err := ticket.Inline(p.URL)
	if err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door_pair", page.Meta{Title: v.T("door.pair"), NoIndex: true}, map[string]any{
		"Event": e, "Name": strings.TrimSpace(f.Name), "Code": inFours(p.Code), "QR": template.HTML(code), //nolint:gosec // made of rectangles
		"Until": time.UnixMicro(p.ExpiresAt).In(zoneOf(e)), "Gate": gate, "Secure": strings.HasPrefix(p.URL, "https://"), "Node": f.Node, "Office": p.URL,
	})
}

// inFours writes a code as people read it aloud.
func inFours(code string) string {
	var parts []string
	for part := range slices.Chunk([]byte(strings.ToUpper(code)), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, "-")
}

// doorDevice shows a device, and revokes it.
func (c *Console) doorDevice(v *page.Visit, e *eventapi.Event) error {
	deviceID := v.PathValue("device")
	if v.Method == http.MethodPost {
		if _, err := c.Door.Revoke(v.Context(), v.Caller, e.ID, deviceID); err != nil {
			return err
		}
		v.Notice("device-revoked")
		return v.Go(at(e, "/door/devices"))
	}
	devices, err := c.Door.Devices(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(d checkinapi.Device) bool { return d.ID == deviceID })
	if i < 0 {
		return errs.Missing("device")
	}
	rules, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	by, err := c.People.People(v.Context(), []string{devices[i].PairedBy})
	if err != nil {
		return err
	}
	row := deviceRowOf(v, e, &rules, &devices[i])
	return v.Show(c.set, "door_device", page.Meta{Title: row.Name, NoIndex: true}, map[string]any{"Event": e, "D": &row, "By": by[row.PairedBy].Name})
}
