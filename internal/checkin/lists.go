package checkin

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

const listsMost = 100 // lists of guests of an event

// ownBooking returns the event of a booking that the caller organizes.
func (s *Service) ownBooking(ctx context.Context, c caller.Caller, bookingID string) (eventID string, err error) {
	eventID = id.Event(bookingID)
	if eventID == "" && c.SignedIn() {
		return "", errs.Missing("booking")
	}
	_, err = s.own(ctx, c, eventID)
	return eventID, err
}

// SetList puts a booking on a list; see checkinapi.Lists.
func (s *Service) SetList(ctx context.Context, c caller.Caller, bookingID, list string) (string, error) {
	eventID, err := s.ownBooking(ctx, c, bookingID)
	if err != nil {
		return "", err
	}
	var f faults
	list = strings.Join(strings.Fields(list), " ")
	f.line("list", &list, 0, checkinapi.MaxListName)
	if err := errs.Fields(f.list); err != nil {
		return "", err
	}
	b, err := bookingapi.One(ctx, s.cfg.Bookings.Bookings, "booking", bookingID)
	if err != nil {
		return "", err
	}
	if list != "" && (b.Status != bookingapi.Booked || b.PaymentID == bookingapi.Block) {
		return "", errs.New(errs.Conflict, "no-tickets", "This booking has no tickets: it is not paid, or it was cancelled.")
	}
	err = s.store.change(ctx, eventID, func(tx *sql.Tx) error {
		lists, err := s.store.lists(ctx, tx, eventID)
		if err != nil {
			return err
		}
		if list, err = spelled(lists, bookingID, list); err != nil || lists[bookingID] == list {
			return err
		}
		now := s.cfg.Now().UnixMicro()
		if list == "" {
			_, err = tx.ExecContext(ctx, sqlDropList, eventID, bookingID)
		} else {
			_, err = tx.ExecContext(ctx, sqlSetList, eventID, bookingID, list, c.UserID, now)
		}
		if err != nil {
			return err
		}
		return s.store.note(ctx, tx, eventID, logRow{at: now, by: c.UserID, what: checkinapi.LogList, subject: bookingID, detail: list})
	})
	if err != nil {
		return "", fmt.Errorf("put a booking on a list: %w", err)
	}
	return list, s.refresh(ctx, s.view(eventID))
}

// spelled returns the name of a list as others have written it before.
func spelled(lists map[string]string, bookingID, list string) (string, error) {
	names := map[string]string{}
	for booking, name := range lists {
		if booking != bookingID {
			names[safetext.Fold(name)] = name
		}
	}
	folded := safetext.Fold(list)
	if name, ok := names[folded]; ok {
		return name, nil
	}
	if list != "" && len(names) >= listsMost {
		return "", errs.New(errs.Conflict, "too-many-lists", "The event has %d lists of guests, which is the maximum.", listsMost)
	}
	return list, nil
}

// ListsOf returns the lists of bookings; see checkinapi.Lists.
func (s *Service) ListsOf(ctx context.Context, c caller.Caller, eventID string, bookingIDs []string) (map[string]string, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	v := s.view(eventID)
	if err := s.refresh(ctx, v); err != nil {
		return nil, err
	}
	lists := v.known().lists
	if bookingIDs == nil {
		return maps.Clone(lists), nil
	}
	found := map[string]string{}
	for _, one := range bookingIDs {
		if list := lists[one]; list != "" {
			found[one] = list
		}
	}
	return found, nil
}

// OnList returns the seats of a list; see checkinapi.Lists.
func (s *Service) OnList(ctx context.Context, c caller.Caller, eventID, list string) ([]checkinapi.Visit, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	return s.onList(ctx, eventID, list)
}

func (s *Service) onList(ctx context.Context, eventID, list string) ([]checkinapi.Visit, error) {
	folded := safetext.Fold(list)
	found, err := s.visits(ctx, eventID, 0, func(_ *guest, of string) bool { return of != "" && safetext.Fold(of) == folded })
	slices.SortFunc(found, func(a, b checkinapi.Visit) int {
		return cmp.Or(cmp.Compare(safetext.Fold(a.Name), safetext.Fold(b.Name)), cmp.Compare(a.BookingID, b.BookingID), cmp.Compare(a.Seat, b.Seat))
	})
	return found, err
}

// countLists counts the guests of lists by what is sold. v.mu is held.
func (v *view) countLists(sold []string, plan *seating.Plan) []checkinapi.Count {
	if v.rules == nil || len(v.rules.lists) == 0 {
		return nil
	}
	by := map[string]*checkinapi.Count{}
	for seat, booking := range sold {
		list := v.rules.lists[booking]
		if booking == "" || list == "" || seat >= len(plan.Seats) {
			continue
		}
		if by[list] == nil {
			by[list] = &checkinapi.Count{ID: list, Name: list}
		}
		visit := v.visits[place{booking, int32(seat)}]
		by[list].Tickets++
		if visit.entered {
			by[list].Entered++
		}
		if visit.inside {
			by[list].Inside++
		}
	}
	counts := make([]checkinapi.Count, 0, len(by))
	for _, c := range by {
		counts = append(counts, *c)
	}
	slices.SortFunc(counts, func(a, b checkinapi.Count) int {
		return cmp.Or(cmp.Compare(safetext.Fold(a.Name), safetext.Fold(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return counts
}
