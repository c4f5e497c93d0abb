package shop

import (
	"context"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// Issues says which ticket of a seat is the current one (see checkinapi.Issuing).
type Issues interface {
	Issues(ctx context.Context, bookingIDs []string) (map[string]map[int32]checkinapi.Issue, error)
	Showing(ctx context.Context, eventID string) (checkinapi.Showing, error)
	Bind(ctx context.Context, c caller.Caller, token string, r checkinapi.BindRequest) (bookingapi.Order, map[int32]checkinapi.Issue, error)
	Reissue(ctx context.Context, c caller.Caller, token string, r checkinapi.ReissueRequest) (bookingapi.Order, map[int32]checkinapi.Issue, error)
}

// latest returns the latest rev of a booking's issues; 0: there is none.
func latest(issues map[int32]checkinapi.Issue) (rev int64) {
	for _, i := range issues {
		rev = max(rev, i.Rev)
	}
	return rev
}

// replaceTickets makes new codes for the chosen seats of an order.
func (s *Shop) replaceTickets(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	if !o.Mine {
		return errs.Missing("ticket")
	}
	if !o.Ticketed() {
		return v.Go(o.Link(""))
	}
	if err := v.ParseForm(); err != nil {
		return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
	}
	seats := v.PostForm["seats"]
	if len(seats) == 0 && len(o.Places) > 1 {
		v.Notice("no-codes-chosen")
		return v.Go(o.Link("tickets") + "#replace")
	}
	if _, err := s.replace(v, o.ID, o.Token, seats...); err != nil {
		return err
	}
	v.Notice("codes-replaced")
	return v.Go(o.Link("tickets"))
}

// replace makes new codes for seats of an order, or for all, unless the form was sent
// before.
func (s *Shop) replace(v *page.Visit, bookingID, token string, seats ...string) (map[int32]checkinapi.Issue, error) {
	seen, err := strconv.ParseInt(v.PostFormValue("seen"), 10, 64)
	if err != nil || seen < 0 {
		seen = 0 // any
	} else {
		seen = seenRev(seen)
	}
	_, issues, err := s.Issues.Reissue(v.Context(), v.Caller, token, checkinapi.ReissueRequest{BookingID: bookingID, Seats: seats, Seen: seen})
	return issues, err
}
