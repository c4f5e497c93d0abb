package checkin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
)

const (
	pairWithin   = 15 * time.Minute
	devicesMost  = 500 // of an event that are not revoked
	validAfter   = 24 * time.Hour
	validDefault = 30 * 24 * time.Hour // of devices for events without a date
	validMost    = 366 * 24 * time.Hour

	tokenPrefix = "door_"
	codeLen     = 12 // characters: 60 bits, for a quarter of an hour
)

// hash is what the tables keep of a secret.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Pair makes a pairing code; see checkinapi.Pairings.
func (s *Service) Pair(ctx context.Context, c caller.Caller, r checkinapi.PairingRequest) (checkinapi.Pairing, error) {
	e, err := s.own(ctx, c, r.EventID)
	if err != nil {
		return checkinapi.Pairing{}, err
	}
	now := s.cfg.Now()
	p := checkinapi.Pairing{Code: id.Token()[:codeLen], ExpiresAt: now.Add(pairWithin).UnixMicro()}
	p.URL = strings.TrimSuffix(s.cfg.PublicURL, "/")
	if r.Kind == checkinapi.Scanner {
		p.URL += "/gate#pair=" + p.Code
	}
	err = s.store.change(ctx, r.EventID, func(tx *sql.Tx) error {
		rules, err := s.store.rules(ctx, tx, r.EventID, 0)
		if err != nil {
			return err
		}
		if err := checkPairing(&r, &rules.settings, &e, now); err != nil {
			return err
		}
		if err := rules.room(now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sqlForget, r.EventID, now.Add(-24*time.Hour).UnixMicro()); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, sqlAddPairing, r.EventID, hash(p.Code), r.Kind, r.Name, r.Entrance, r.Names, r.ValidFrom, r.ValidUntil, c.UserID, p.ExpiresAt); err != nil {
			return err
		}
		return s.store.note(ctx, tx, r.EventID, logRow{at: now.UnixMicro(), by: c.UserID, what: checkinapi.LogPairing, subject: r.Name, detail: r.Entrance})
	})
	if err != nil {
		return checkinapi.Pairing{}, fmt.Errorf("pair a device with %s: %w", r.EventID, err)
	}
	return p, nil
}

// room refuses one more device if too many may do something, now or later.
func (r *rules) room(now time.Time) error {
	n := 0
	for _, d := range r.devices {
		if d.RevokedAt == 0 && d.ValidUntil > now.UnixMicro() {
			n++
		}
	}
	if n >= devicesMost {
		return errs.New(errs.Conflict, "too-many-devices", "This event has %d devices. Revoke those that are not used.", n)
	}
	return nil
}

// checkPairing checks what a device is to be allowed, and fills in the defaults.
func checkPairing(r *checkinapi.PairingRequest, settings *checkinapi.Settings, e *eventapi.Event, now time.Time) error {
	var f faults
	f.line("name", &r.Name, 1, checkinapi.MaxName)
	if _, ok := settings.Entrance(r.Entrance); !ok && r.Entrance != "" {
		f.add("entrance", "no-such-entrance", "is not an entrance of this event")
	}
	switch {
	case r.Kind != checkinapi.Scanner && r.Kind != checkinapi.GateNode:
		f.add("kind", "not-one-of", "must be device or node")
	case r.Kind == checkinapi.GateNode && r.Names:
		f.add("names", "not-of-nodes", "is not for gate nodes: they know no names")
	case r.Kind == checkinapi.GateNode && r.Entrance != "":
		f.add("entrance", "not-of-nodes", "is not for gate nodes: they are for all entrances")
	case r.Names && !settings.Names:
		f.add("names", "names-off", "is not allowed by the settings of the door")
	}
	if r.ValidUntil == 0 {
		last := now.Add(validDefault)
		if !e.Over.IsZero() {
			last = e.Over.Add(validAfter)
		}
		r.ValidUntil = last.UnixMicro()
	}
	switch {
	case r.ValidUntil <= max(r.ValidFrom, now.UnixMicro()):
		f.add("valid_until", "not-after", "must be after valid_from, and in the future")
	case r.ValidUntil > now.Add(validMost).UnixMicro() && r.ValidUntil > e.Over.Add(validAfter).UnixMicro():
		f.add("valid_until", "too-late", "must be within a year")
	}
	return errs.Fields(f.list)
}

// Devices lists the devices of an event; see checkinapi.Pairings.
func (s *Service) Devices(ctx context.Context, c caller.Caller, eventID string) ([]checkinapi.Device, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	v := s.view(eventID)
	if err := s.refresh(ctx, v); err != nil {
		return nil, err
	}
	rules, err := s.store.rules(ctx, s.cfg.DB.Reader(), eventID, 0) // also when they were seen
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	invalid := v.invalid()
	list := make([]checkinapi.Device, 0, len(rules.devices))
	for _, d := range rules.devices {
		d.Scans, d.Invalid = v.counts[d.ID], invalid[d.ID]
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b checkinapi.Device) int {
		return cmp.Or(cmp.Compare(b.PairedAt, a.PairedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Revoke revokes a device; see checkinapi.Pairings.
func (s *Service) Revoke(ctx context.Context, c caller.Caller, eventID, deviceID string) (checkinapi.Device, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return checkinapi.Device{}, err
	}
	var found *checkinapi.Device
	err := s.store.change(ctx, eventID, func(tx *sql.Tx) error {
		now := s.cfg.Now().UnixMicro()
		done, err := tx.ExecContext(ctx, sqlRevoke, eventID, deviceID, now, c.UserID)
		if err != nil {
			return err
		}
		rules, err := s.store.rules(ctx, tx, eventID, 0)
		if err != nil {
			return err
		}
		if found = rules.devices[deviceID]; found == nil {
			return errs.Missing("device")
		}
		if n, err := done.RowsAffected(); n == 0 || err != nil {
			return err // it was revoked before
		}
		return s.store.note(ctx, tx, eventID, logRow{at: now, by: c.UserID, what: checkinapi.LogRevoked, subject: found.Name, detail: found.Entrance})
	})
	if err != nil {
		return checkinapi.Device{}, fmt.Errorf("revoke a device of %s: %w", eventID, err)
	}
	s.trust.forget()
	v := s.view(eventID)
	if err := s.refresh(ctx, v); err != nil {
		return checkinapi.Device{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	found.Scans, found.Invalid = v.counts[deviceID], v.invalid()[deviceID]
	return *found, nil
}

// plainCode is a pairing code as it is stored: people type it as they like.
var plainCode = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1")

// Enter pairs a device of a kind by a code, and returns its secret token, which is not
// stored. Invalid: the code is unknown, was used or is over, or it is for another kind.
func (s *Service) Enter(ctx context.Context, kind checkinapi.DeviceKind, code, name string) (d checkinapi.Device, token string, err error) {
	var f faults
	f.line("name", &name, 0, checkinapi.MaxName)
	if err := errs.Fields(f.list); err != nil {
		return d, "", err
	}
	if s.cfg.Line != nil {
		if kind != checkinapi.Scanner {
			return d, "", errs.Bad("kind", "not-one-of", "must be device: a gate node is paired with the box office itself")
		}
		return s.passPairing(ctx, code, name)
	}
	sum := hash(plainCode.Replace(strings.ToLower(code)))
	over := errs.Bad("code", "pairing-over", "is unknown, was used, or has expired")
	var expires int64
	read := func(from interface {
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}) error {
		err := from.QueryRowContext(ctx, sqlPairing, sum).Scan(&d.EventID, &d.Kind, &d.Name, &d.Entrance, &d.Names, &d.ValidFrom, &d.ValidUntil, &d.PairedBy, &expires)
		if errors.Is(err, sql.ErrNoRows) || err == nil && expires <= s.cfg.Now().UnixMicro() {
			return over
		}
		if err == nil && d.Kind != kind { // it can still be used
			return errs.Bad("code", "other-kind", "is for another kind of device: those of gate nodes are for boxoffice gate-node, all others for the check-in app")
		}
		return err
	}
	if err := read(s.cfg.DB.Reader()); err != nil { // guesses take no lock
		return d, "", err
	}
	token = tokenPrefix + id.Token()
	err = s.store.change(ctx, d.EventID, func(tx *sql.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		now := s.cfg.Now()
		rules, err := s.store.rules(ctx, tx, d.EventID, 0)
		if err != nil {
			return err
		}
		if err := rules.room(now); err != nil { // many codes may have been made
			return err
		}
		d.ID, d.PairedAt, d.SeenAt = id.New(now), now.UnixMicro(), now.UnixMicro()
		d.Name = cmp.Or(name, d.Name)
		d.ValidFrom = cmp.Or(d.ValidFrom, d.PairedAt)
		if _, err := tx.ExecContext(ctx, sqlUsePairing, sum, d.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sqlAddDevice, d.EventID, d.ID, d.Kind, d.Name, d.Entrance, d.Names, d.ValidFrom, d.ValidUntil, d.PairedAt, d.PairedBy, d.SeenAt, d.RevokedAt, hash(token)); err != nil {
			return err
		}
		return s.store.note(ctx, tx, d.EventID, logRow{at: d.PairedAt, by: d.PairedBy, what: checkinapi.LogPaired, subject: d.Name, detail: d.Entrance})
	})
	if err != nil {
		return d, "", fmt.Errorf("pair a device: %w", err)
	}
	return d, token, s.refresh(ctx, s.view(d.EventID))
}

// trusted are devices by the hash of their token, as they were read a moment ago.
type trusted struct {
	mu   sync.Mutex
	by   map[string]trustedDevice
	seen map[string]int64 // when it was noted that a device has asked, by id
}

type trustedDevice struct {
	device *checkinapi.Device
	at     time.Time
}

const (
	trustFor  = time.Second // as of sessions; decisions about scans see a revocation at once
	trustMost = 4096
)

func (t *trusted) find(sum string) *checkinapi.Device {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, ok := t.by[sum]; ok && time.Since(d.at) < trustFor {
		return d.device
	}
	return nil
}

func (t *trusted) put(sum string, d *checkinapi.Device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.by) >= trustMost {
		clear(t.by)
	}
	t.by[sum] = trustedDevice{d, time.Now()}
}

// sees reports whether it is news that a device has asked at a time.
func (t *trusted) sees(id string, at int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[id] >= at {
		return false
	}
	if len(t.seen) >= trustMost {
		clear(t.seen)
	}
	t.seen[id] = at
	return true
}

// after lists devices that have asked at a time or later.
func (t *trusted) after(at int64) (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, seen := range t.seen {
		if seen >= at {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *trusted) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.by)
}

// Authenticate finds the device of a token. Unauthenticated device-revoked: there is none.
// It may be revoked, or out of its time: see may.
func (s *Service) Authenticate(ctx context.Context, token string) (*checkinapi.Device, error) {
	unknown := errs.New(errs.Unauthenticated, "device-revoked", "Authorization must be Bearer, a space, and the token of a paired device.")
	if !strings.HasPrefix(token, tokenPrefix) || len(token) != len(tokenPrefix)+26 {
		return nil, unknown
	}
	sum := hash(token)
	if d := s.trust.find(sum); d != nil {
		return d, nil
	}
	d, err := readDevice(s.cfg.DB.Reader().QueryRowContext(ctx, sqlByToken, sum))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	s.trust.put(sum, d)
	return d, s.seen(ctx, d)
}

// seen notes that a device has asked, once a minute.
func (s *Service) seen(ctx context.Context, d *checkinapi.Device) error {
	now := s.cfg.Now().UnixMicro() / 60_000_000 * 60_000_000
	if now <= d.SeenAt || d.RevokedAt != 0 || !s.trust.sees(d.ID, now) {
		return nil
	}
	return s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlSeen, d.EventID, d.ID, now)
		return err
	})
}

// may refuses a device that is revoked or out of its time. One that was a short while ago
// may still send (sends) what it has scanned before.
func (s *Service) may(d *checkinapi.Device, sends bool) error {
	if s.cfg.Line != nil && d.Kind == checkinapi.Scanner {
		node := s.cfg.Line.Node()
		if err := s.may(&node, sends); err != nil {
			return err
		}
	}
	now := s.cfg.Now().UnixMicro()
	switch {
	case d.RevokedAt != 0 && !(sends && now < d.RevokedAt+lateness):
		return errs.New(errs.Unauthenticated, "device-revoked", "This device was revoked.")
	case now < d.ValidFrom, now >= d.ValidUntil && !(sends && now < d.ValidUntil+lateness):
		return errs.New(errs.Forbidden, "device-not-now", "This device is not allowed at this time.").
			With("valid_from", time.UnixMicro(d.ValidFrom).UTC()).With("valid_until", time.UnixMicro(d.ValidUntil).UTC())
	}
	return nil
}
