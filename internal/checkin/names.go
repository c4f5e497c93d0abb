package checkin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/limit"
)

// Devices that may see names keep those of all guests, so that they can search without a
// network. The guests are cut into pages by a hash of their booking's id, and a device reads
// the pages whose digest has changed: a guest who comes, goes or gets another name changes
// one page.

// Rates for each device: a lost phone does not hand out what it has not kept, quickly.
var (
	searchRate = limit.Rate{Burst: 30, Per: time.Minute}
	nameRate   = limit.Rate{Burst: 1000, Per: time.Hour} // pages, and tables of them
)

// mayRead counts a search, or a page of names, of a device.
func (s *Service) mayRead(ctx context.Context, class string, d *checkinapi.Device, r limit.Rate) error {
	res, err := s.reads.Take(ctx, limit.Key{Class: class, Name: d.ID}, r)
	if err != nil || res.Allowed {
		return err
	}
	return errs.New(errs.TooMany, "too-many-searches", "This device has searched too often; please wait.").After(res.Retry)
}

// names are the pages of an event's guests, at some rules (with its lists).
type names struct {
	rules   *rules
	pages   [][]namedBooking
	digests []string
}

// namedBooking is a booking with tickets, as devices keep it.
type namedBooking struct {
	BookingID string  `json:"booking_id"`
	Name      string  `json:"name" doc:"Name of the guest. Empty: not known." example:"Robin Fan"`
	List      string  `json:"list,omitempty" doc:"List of guests that the booking is on. Absent: none." example:"Press"`
	Ordinals  []int32 `json:"ordinals" doc:"Ordinals of its seats in the plan." example:"[17,18]"`
}

const pageOfNames = 256 // bookings in a page at most, on average

// pagesOf returns the pages of an event's guests.
func (s *Service) pagesOf(ctx context.Context, eventID string) (*names, error) {
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return nil, err
	}
	g, err := s.guestsOf(ctx, v, plan, guestsFor)
	if err != nil {
		return nil, err
	}
	rules := v.known()
	v.mu.Lock()
	known := g.names
	v.mu.Unlock()
	if known != nil && known.rules == rules {
		return known, nil
	}
	made, err := makeNames(g.list, rules)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g.names = made
	return made, nil
}

// makeNames cuts guests, which are in the order of their bookings, into pages.
func makeNames(list []guest, rules *rules) (*names, error) {
	var all []namedBooking
	for i := range list {
		g := &list[i]
		if n := len(all); n > 0 && all[n-1].BookingID == g.booking {
			all[n-1].Ordinals = append(all[n-1].Ordinals, g.seat)
			continue
		}
		all = append(all, namedBooking{g.booking, g.name, rules.lists[g.booking], []int32{g.seat}})
	}
	n := 1
	for n*pageOfNames < len(all) {
		n *= 2
	}
	out := &names{rules: rules, pages: make([][]namedBooking, n), digests: make([]string, n)}
	for i := range all {
		h := sha256.Sum256([]byte(all[i].BookingID))
		at := (int(h[0])<<8 | int(h[1])) % n
		out.pages[at] = append(out.pages[at], all[i])
	}
	for i, page := range out.pages {
		slices.SortFunc(page, func(a, b namedBooking) int { return cmp.Compare(a.BookingID, b.BookingID) })
		raw, err := codec.Marshal(page)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		out.digests[i] = hex.EncodeToString(sum[:8])
	}
	return out, nil
}

// nameTable are the pages of the guests, as a device reads them.
type nameTable struct {
	Pages []string `json:"pages" doc:"A digest for each page of guests. Read those that differ from what the device has: GET /door/names/{page}, from 0. With another number of pages, all are new." example:"[\"9f86d081884c7d65\"]"`
}

type nameTableOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         nameTable
}

type namePageIn struct {
	Page int `path:"page" minimum:"0" maximum:"65535" doc:"Number of the page, from 0." example:"0"`
}

type namePage struct {
	Digest string         `json:"digest" doc:"Digest of the page." example:"9f86d081884c7d65"`
	Items  []namedBooking `json:"items" doc:"The bookings with tickets, by id."`
}

type namePageOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         namePage
}

// naming returns the device that asks, if it may see names now, and counts that.
func (s *Service) naming(ctx context.Context, class string, r limit.Rate) (*checkinapi.Device, error) {
	d, err := s.scanning(ctx, false)
	if err != nil {
		return nil, err
	}
	may, err := s.mayName(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case !may:
		return nil, errs.New(errs.Forbidden, "no-names", "This device may not see the names of guests.")
	}
	return d, s.mayRead(ctx, class, d, r)
}

// nameTable answers the table of pages.
func (s *Service) nameTable(ctx context.Context) (*nameTableOut, error) {
	d, err := s.naming(ctx, "door names", nameRate)
	if err != nil {
		return nil, err
	}
	n, err := s.pagesOf(ctx, d.EventID)
	if err != nil {
		return nil, err
	}
	return &nameTableOut{private, nameTable{n.digests}}, nil
}

// namePage answers a page.
func (s *Service) namePage(ctx context.Context, page int) (*namePageOut, error) {
	d, err := s.naming(ctx, "door names", nameRate)
	if err != nil {
		return nil, err
	}
	n, err := s.pagesOf(ctx, d.EventID)
	if err != nil {
		return nil, err
	}
	if page < 0 || page >= len(n.pages) {
		return nil, errs.Missing("page")
	}
	out := &namePageOut{private, namePage{n.digests[page], n.pages[page]}}
	if out.Body.Items == nil {
		out.Body.Items = []namedBooking{}
	}
	return out, nil
}
