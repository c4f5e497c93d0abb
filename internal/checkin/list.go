package checkin

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/checkin/list"
	"boxoffice/internal/errs"
	"boxoffice/internal/ticket"
)

const (
	listFor  = time.Second // a list is not made more often
	listKept = 8           // lists by which changes are told
)

// sales is what is known of an event's tickets: the lists of the last versions, the latest
// one last, and whose seats are.
type sales struct {
	at      time.Time // when it was last asked whether the list has changed
	tickets *list.Tickets
	lists   []*ticket.List
}

// version is the version of a list.
type version struct{ seq, rev int64 }

func (s *sales) version() version {
	if len(s.lists) == 0 {
		return version{}
	}
	l := s.lists[len(s.lists)-1]
	return version{l.LedgerSeq, l.IssueRev}
}

// salesOf returns the current list of an event, and those before. It may be out of date by
// a second.
func (s *Service) salesOf(ctx context.Context, v *view) (*sales, error) {
	v.listing.Lock()
	defer v.listing.Unlock()
	v.mu.Lock()
	known, told := v.sales, v.told
	v.mu.Unlock()
	if known != nil && time.Since(known.at) < listFor && known.version() == told { // a device that was told of a newer list gets it
		return known, nil
	}
	next := &sales{at: time.Now()}
	now, err := s.listVersion(ctx, v.eventID)
	if err != nil {
		return nil, err
	}
	if known != nil {
		next.tickets, next.lists = known.tickets, known.lists
	}
	if known == nil || now != known.version() {
		if next.tickets, err = s.makeList(ctx, v, next.tickets); err != nil {
			return nil, err
		}
		next.lists = append(slices.Clone(next.lists), next.tickets.List)
		next.lists = next.lists[max(0, len(next.lists)-listKept):]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if next.version() != v.told {
		v.told = next.version()
		close(v.changed)
		v.changed = make(chan struct{})
	}
	v.sales = next
	return next, nil
}

// listVersion returns the version that an event's list has now.
func (s *Service) listVersion(ctx context.Context, eventID string) (version, error) {
	if s.cfg.Line != nil {
		l := s.cfg.Line.List()
		return version{l.LedgerSeq, l.IssueRev}, nil
	}
	heads, err := s.cfg.Bookings.Heads(ctx, []string{eventID})
	if err != nil {
		return version{}, err
	}
	revs, err := s.cfg.Issues.IssueRevs(ctx, []string{eventID})
	return version{heads[eventID], revs[eventID]}, err
}

// makeList makes the list of the tickets that are sold now, from an older one if there is one.
func (s *Service) makeList(ctx context.Context, v *view, old *list.Tickets) (*list.Tickets, error) {
	if s.cfg.Line == nil {
		return list.Make(ctx, s.cfg.Bookings, s.cfg.Issues, v.eventID, old, s.cfg.Now())
	}
	t := &list.Tickets{List: s.cfg.Line.List()}
	t.Bookings = make([]string, len(t.List.Seats))
	for seat, is := range t.List.Seats {
		if is != ticket.Nobody {
			t.Bookings[seat] = unnamed
		}
	}
	return t, nil
}

// unnamed stands for bookings at a gate node, which has only the digests of their tickets.
const unnamed = "unnamed"

// encoded returns the list, or what has changed since the version that a client has, such as
// "42.7"; "": none.
func (l *sales) encoded(since string) ([]byte, error) {
	now := l.lists[len(l.lists)-1]
	if since == "" {
		return now.Encode()
	}
	seq, rev, ok := strings.Cut(since, ".")
	a, err := strconv.ParseInt(seq, 10, 64)
	b, err2 := strconv.ParseInt(rev, 10, 64)
	if !ok || err != nil || err2 != nil || a < 0 || b < 0 {
		return nil, errs.Bad("since", "bad-version", "must be the ledger seq and the issue rev of a list, such as 42.7")
	}
	i := slices.IndexFunc(l.lists, func(old *ticket.List) bool {
		return old.LedgerSeq == a && old.IssueRev == b && old.PlanVersion == now.PlanVersion && len(old.Seats) == len(now.Seats)
	})
	if i < 0 {
		return now.Encode()
	}
	c := &ticket.Changes{ListHead: now.ListHead}
	for seat, digest := range now.Seats {
		if l.lists[i].Seats[seat] != digest {
			c.Seats = append(c.Seats, ticket.SeatChange{Seat: int32(seat), Is: digest})
		}
	}
	return c.Encode()
}

// sold returns the booking that has each seat of an event, by ordinal; "": none.
func (s *Service) sold(ctx context.Context, v *view) ([]string, error) {
	l, err := s.salesOf(ctx, v)
	if err != nil {
		return nil, err
	}
	return l.tickets.Bookings, nil
}
