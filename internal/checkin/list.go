package checkin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/checkinapi"
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
	at       time.Time // when it was last asked whether the list has changed
	lists    []*ticket.List
	bookings []string // by ordinal; "": nobody
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
	known := v.sales
	v.mu.Unlock()
	if known != nil && time.Since(known.at) < listFor {
		return known, nil
	}
	next := &sales{at: time.Now()}
	if known != nil {
		next.lists, next.bookings = known.lists, known.bookings
	}
	now, err := s.listVersion(ctx, v.eventID)
	if err != nil {
		return nil, err
	}
	if known == nil || now != known.version() {
		if err := s.makeList(ctx, v, next); err != nil {
			return nil, err
		}
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

// makeList makes a list of the tickets that are sold now. The issues are read after their
// number and before the sales, so a list that misses something has an older version.
func (s *Service) makeList(ctx context.Context, v *view, to *sales) error {
	if s.cfg.Line != nil {
		l := s.cfg.Line.List()
		to.add(l, make([]string, len(l.Seats)))
		for seat, is := range l.Seats {
			if is != ticket.Nobody {
				to.bookings[seat] = unnamed
			}
		}
		return nil
	}
	revs, err := s.cfg.Issues.IssueRevs(ctx, []string{v.eventID})
	if err != nil {
		return err
	}
	sold, err := s.cfg.Bookings.Sold(ctx, v.eventID)
	if err != nil {
		return err
	}
	issues, err := s.issuesOf(ctx, v.eventID)
	if err != nil {
		return err
	}
	l := &ticket.List{Seats: make([]ticket.Digest, len(sold.Bookings))}
	l.EventID, l.PlanVersion, l.LedgerSeq, l.IssueRev, l.MadeAt = v.eventID, sold.PlanVersion, sold.Seq, revs[v.eventID], s.cfg.Now().UnixMicro()
	for seat, booking := range sold.Bookings {
		if booking == "" {
			continue
		}
		p := place{booking, int32(seat)}
		one := ticket.Ticket{BookingID: booking, Seat: p.seat, PlanVersion: sold.PlanVersion, Issue: issues[p].Number}
		if l.Seats[seat], err = one.Digest(); err != nil {
			return fmt.Errorf("list of the tickets for %s: %w", v.eventID, err)
		}
	}
	to.add(l, sold.Bookings)
	return nil
}

// unnamed stands for bookings at a gate node, which has only the digests of their tickets.
const unnamed = "unnamed"

// add adds a list, and forgets the oldest.
func (s *sales) add(l *ticket.List, bookings []string) {
	s.bookings = bookings
	s.lists = append(slices.Clone(s.lists), l)
	if n := len(s.lists); n > listKept {
		s.lists = s.lists[n-listKept:]
	}
}

// issuesOf reads the issues of all seats of an event that were ever re-issued or bound.
func (s *Service) issuesOf(ctx context.Context, eventID string) (map[place]checkinapi.Issue, error) {
	const size = 1000
	found := map[place]checkinapi.Issue{}
	for after := int64(0); ; {
		page, err := s.cfg.Issues.IssuesSince(ctx, eventID, after, size)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			found[place{one.BookingID, one.Seat}] = one.Issue
			after = max(after, one.Rev)
		}
		if len(page) < size {
			return found, nil
		}
	}
}

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
	return l.bookings, nil
}
