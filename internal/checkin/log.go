package checkin

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
)

// logRow is a row of door_log.
type logRow struct {
	at              int64 // µs since 1970
	by              string
	what            checkinapi.Did
	subject, detail string
}

// note adds a row to an event's log. The event's row in door_events is locked.
func (st store) note(ctx context.Context, tx *sql.Tx, eventID string, r logRow) error {
	_, err := tx.ExecContext(ctx, sqlAddLog, eventID, r.at, r.by, string(r.what), r.subject, r.detail)
	if err != nil {
		return fmt.Errorf("note in the log of a door: %w", err)
	}
	return nil
}

func (st store) notes(ctx context.Context, eventID string, limit int) ([]checkinapi.LogEntry, error) {
	rows, err := st.db.Reader().QueryContext(ctx, sqlLog, eventID, limit)
	if err != nil {
		return nil, fmt.Errorf("read the log of a door: %w", err)
	}
	defer rows.Close()
	var list []checkinapi.LogEntry
	for rows.Next() {
		var subject string
		var e checkinapi.LogEntry
		if err := rows.Scan(&e.At, &e.By, &e.What, &subject, &e.Detail); err != nil {
			return nil, fmt.Errorf("read the log of a door: %w", err)
		}
		if e.Device = subject; e.What == checkinapi.LogList {
			e.Device, e.BookingID = "", subject
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// Log lists what was done by hand; see checkinapi.Logs.
func (s *Service) Log(ctx context.Context, c caller.Caller, eventID string, limit int) ([]checkinapi.LogEntry, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return nil, err
	}
	list, err := s.store.notes(ctx, eventID, limit)
	if err != nil {
		return nil, err
	}
	replaced, err := s.cfg.Issues.Replaced(ctx, eventID, limit)
	if err != nil {
		return nil, err
	}
	at := func(seat int32) (spotted checkinapi.Spot) {
		if found := spot(plan, seat); found != nil {
			spotted = *found
		}
		return spotted
	}
	for _, i := range replaced {
		list = append(list, checkinapi.LogEntry{At: i.At, By: i.By, What: checkinapi.LogReissue, BookingID: i.BookingID, Spot: at(i.Seat), Detail: strconv.Itoa(int(i.Number)), Reason: i.Reason})
	}
	for _, e := range v.corrections() {
		list = append(list, checkinapi.LogEntry{At: e.received, By: e.by, What: checkinapi.LogCorrection, BookingID: e.place.booking, Spot: at(e.place.seat), Detail: string(e.kind), Reason: e.note})
	}
	slices.SortStableFunc(list, func(a, b checkinapi.LogEntry) int { return cmp.Compare(b.At, a.At) })
	return list[:min(len(list), limit)], nil
}

// corrections are the scans that organizers have made by hand, latest first.
func (v *view) corrections() (list []*entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.scans {
		if e.Device == office {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(b.Counter, a.Counter) })
	return list
}
