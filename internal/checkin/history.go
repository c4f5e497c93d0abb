package checkin

import (
	"context"
	"slices"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/seating"
)

// History lists the scans of a booking's seats; see checkinapi.Histories.
func (s *Service) History(ctx context.Context, c caller.Caller, bookingID string) ([]checkinapi.Entry, error) {
	eventID, err := s.ownBooking(ctx, c, bookingID)
	if err != nil {
		return nil, err
	}
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return nil, err
	}
	return v.history(bookingID, plan), nil
}

// history lists the scans of a booking's seats in their order.
func (v *view) history(bookingID string, plan *seating.Plan) []checkinapi.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []*entry
	seat, undone := map[checkinapi.Ref]int32{}, map[checkinapi.Ref]bool{}
	for _, places := range []map[place][]*entry{v.places, v.refused} {
		for p, list := range places {
			if p.booking != bookingID {
				continue
			}
			for _, e := range withUndos(list, v.undos) {
				found = append(found, e)
				seat[e.Ref] = p.seat
				undone[e.Ref] = v.visits[p].undone[e.Ref]
			}
		}
	}
	slices.SortFunc(found, compare)
	out := make([]checkinapi.Entry, len(found))
	for i, e := range found {
		d := e.decided()
		out[i] = checkinapi.Entry{
			Ref: e.Ref, Stamp: e.Stamp, Kind: e.kind, BookingID: bookingID, Seat: seat[e.Ref], Entrance: e.entrance, How: e.how,
			Outcome: d.outcome, Reason: d.reason, Alone: e.unasked(), Untimed: e.untimed, Undone: undone[e.Ref], By: e.by, Note: e.note,
		}
		if at := spot(plan, seat[e.Ref]); at != nil {
			out[i].Spot = *at
		}
		if v.rules != nil && v.rules.devices[e.Device] != nil {
			out[i].DeviceName = v.rules.devices[e.Device].Name
		}
	}
	return out
}
