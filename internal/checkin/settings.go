package checkin

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// own returns an event that the caller organizes.
func (s *Service) own(ctx context.Context, c caller.Caller, eventID string) (eventapi.Event, error) {
	switch {
	case !c.SignedIn():
		return eventapi.Event{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !c.Organizes():
		return eventapi.Event{}, errs.Missing("event")
	}
	return s.cfg.Events.OwnEvent(ctx, c, eventID)
}

// event returns an event, whoever may see it.
func (s *Service) event(ctx context.Context, id string) (eventapi.Event, error) {
	found, err := s.cfg.Events.Events(ctx, []string{id})
	e, ok := found[id]
	if err == nil && !ok {
		err = errs.Missing("event")
	}
	return e, err
}

// Settings returns the settings of an event's door; see checkinapi.Rules.
func (s *Service) Settings(ctx context.Context, c caller.Caller, eventID string) (checkinapi.Settings, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return checkinapi.Settings{}, err
	}
	return s.store.settings(ctx, s.cfg.DB.Reader(), eventID)
}

// RulesOf returns the settings of an event's door, for other parts of the program.
func (s *Service) RulesOf(ctx context.Context, eventID string) (checkinapi.Settings, error) {
	return s.store.settings(ctx, s.cfg.DB.Reader(), eventID)
}

// SetSettings stores settings; see checkinapi.Rules.
func (s *Service) SetSettings(ctx context.Context, c caller.Caller, version int64, in checkinapi.Settings) (checkinapi.Settings, error) {
	e, err := s.own(ctx, c, in.EventID)
	if err != nil {
		return in, err
	}
	plan, err := s.cfg.Events.Plan(ctx, e.PlanID, e.PlanVersion)
	if err != nil {
		return in, err
	}
	if err := checkSettings(&in, plan); err != nil {
		return in, err
	}
	raw, err := codec.Marshal(in)
	if err != nil {
		return in, fmt.Errorf("store settings: %w", err)
	}
	err = s.store.change(ctx, in.EventID, func(tx *sql.Tx) error {
		rules, err := s.store.rules(ctx, tx, in.EventID, 0)
		if err != nil {
			return err
		}
		if was := rules.settings.Version; version == errs.NotYet && was != 0 || version != 0 && version != errs.NotYet && version != was {
			return errs.New(errs.Precondition, "changed-meanwhile", "The settings have changed since. Please read them again.")
		}
		for _, d := range rules.devices {
			if _, ok := in.Entrance(d.Entrance); !ok && d.Entrance != "" && d.RevokedAt == 0 && d.ValidUntil > s.cfg.Now().UnixMicro() {
				return errs.New(errs.Conflict, "entrance-in-use", "The device %q is paired with an entrance that is missing. Revoke the device first.", d.Name).With("device", d.ID)
			}
		}
		in.Version = rules.settings.Version + 1
		now := s.cfg.Now().UnixMicro()
		if _, err := tx.ExecContext(ctx, sqlSetSettings, in.EventID, in.Version, string(raw), c.UserID, now); err != nil {
			return err
		}
		return s.store.note(ctx, tx, in.EventID, logRow{at: now, by: c.UserID, what: checkinapi.LogSettings, detail: string(raw)})
	})
	if err != nil {
		return in, fmt.Errorf("store settings of the door of %s: %w", in.EventID, err)
	}
	return in, s.refresh(ctx, s.view(in.EventID))
}

// faults collects what is wrong with what an organizer or a device sends.
type faults struct{ list []errs.Field }

func (f *faults) add(field, code, format string, args ...any) {
	f.list = append(f.list, errs.Why(code, format, args...).In(field))
}

// line checks a text of one line.
func (f *faults) line(field string, text *string, least, most int) {
	*text = strings.TrimSpace(*text)
	why := safetext.LineFault(*text, least, most)
	if why.None() && safetext.Hidden(*text) {
		why = safetext.HiddenReason
	}
	if !why.None() {
		f.list = append(f.list, why.In(field))
	}
}

var entranceID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

var reentries = []checkinapi.Reentry{checkinapi.ReentryNever, checkinapi.ReentryAfterExit, checkinapi.ReentryAlways}

// hours checks that doors open before they close; where an entrance has no time of its own,
// by the event's.
func (f *faults) hours(at string, opens, closes int64, s *checkinapi.Settings) {
	o, c := cmp.Or(opens, s.OpensAt), cmp.Or(closes, s.ClosesAt)
	switch {
	case o == 0 || c == 0 || o < c:
	case closes == 0:
		f.add(at+"opens_at", "not-before", "must be before closes_at of the event")
	case opens == 0:
		f.add(at+"closes_at", "not-after", "must be after opens_at of the event")
	default:
		f.add(at+"closes_at", "not-after", "must be after opens_at")
	}
}

// checkSettings checks settings, and writes them as they are stored.
func checkSettings(s *checkinapi.Settings, plan *seating.Plan) error {
	var f faults
	if n := len(s.Entrances); n == 0 || n > checkinapi.MaxEntrances {
		f.add("entrances", "bad-entrances", "must be 1 to %d entrances", checkinapi.MaxEntrances)
	}
	ids := map[string]bool{}
	for i := range s.Entrances {
		e, at := &s.Entrances[i], fmt.Sprintf("entrances[%d]", i)
		if !entranceID.MatchString(e.ID) {
			f.add(at+".id", "bad-id", "must have 1 to 32 letters a to z, digits and dashes")
		} else if ids[e.ID] {
			f.add(at+".id", "id-twice", "is the id of another entrance")
		}
		ids[e.ID] = true
		f.line(at+".name", &e.Name, 1, checkinapi.MaxName)
		for j, id := range e.Sections {
			if plan.SectionByID(id) < 0 {
				f.add(fmt.Sprintf("%s.sections[%d]", at, j), "no-such-section", "names the section %s, which the seating plan does not have", id)
			}
		}
		if e.Reentry != "" && !slices.Contains(reentries, e.Reentry) {
			f.add(at+".reentry", "not-one-of", "must be never, after-exit or always, or be left out")
		}
		if e.OpensAt != 0 || e.ClosesAt != 0 {
			f.hours(at+".", e.OpensAt, e.ClosesAt, s)
		}
	}
	if !slices.Contains(reentries, s.Reentry) {
		f.add("reentry", "not-one-of", "must be never, after-exit or always")
	}
	if s.Alone != checkinapi.AloneAdmit && s.Alone != checkinapi.AloneRefuse {
		f.add("alone", "not-one-of", "must be admit or refuse")
	}
	switch s.Codes {
	case "", checkinapi.CodesFixed:
		s.Codes, s.Paper = checkinapi.CodesFixed, true
	case checkinapi.CodesRotating:
	default:
		f.add("codes", "not-one-of", "must be fixed or rotating")
	}
	f.hours("", s.OpensAt, s.ClosesAt, s)
	return errs.Fields(f.list)
}
