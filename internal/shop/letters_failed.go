package shop

import (
	"context"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// RefundsFailed returns the notices about refunds that have failed: for the organizers, at
// most one for an event and day, since the page of its refunds lists all of them, and for
// each buyer who was told that the money was on its way.
func (l *Letters) RefundsFailed(ctx context.Context, list []paymentapi.FailedRefund) ([]notifyapi.Notice, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(f paymentapi.FailedRefund) bool { return f.Handled })
	return inParts(list, func(list []paymentapi.FailedRefund) ([]notifyapi.Notice, error) { return l.refundsFailed(ctx, list) })
}

func (l *Letters) refundsFailed(ctx context.Context, list []paymentapi.FailedRefund) ([]notifyapi.Notice, error) {
	ids := make([]string, len(list))
	for i, f := range list {
		ids[i] = f.BookingID
	}
	bookings, err := l.bookings(ctx, ids)
	if err != nil {
		return nil, err
	}
	about, owners := make([]bookingapi.Booking, len(list)), []string{}
	for i, id := range ids {
		about[i] = bookings[id]
		if who := about[i].OrganizerID; who != "" {
			owners = append(owners, who)
		}
	}
	slices.Sort(owners)
	people, err := l.People.People(ctx, slices.Compact(owners))
	if err != nil {
		return nil, err
	}
	told, err := l.told(ctx, about)
	if err != nil {
		return nil, err
	}
	var notices []notifyapi.Notice
	seen := map[string]bool{}
	for i := range told {
		o, f := &told[i], &list[i]
		refund := &notifyapi.Refund{Amount: f.Amount, Reason: f.Reason, CameBack: f.CameBack}
		id := "refund-failed/" + o.EventID + "/" + time.UnixMicro(f.At).UTC().Format(time.DateOnly)
		if f.Reason == paymentapi.ElsewhereFailed { // the refund may be done, and then no page lists it
			id += "/" + paymentapi.RefundID(o.EventID, f.Seq) + "/" + strconv.FormatInt(f.At, 10)
		}
		if to := people[o.OrganizerID]; o.OrganizerID != "" && to.Email != "" && !seen[id] {
			seen[id] = true
			notices = append(notices, notifyapi.Notice{
				ID: id, Kind: notifyapi.RefundFailed, To: to.Email, Name: to.Name, Lang: to.Lang, UserID: o.OrganizerID,
				Data: notifyapi.Data{
					Link: l.Base + "/organizer/events/" + o.EventID + "/refunds", Event: noticeEvent(&o.Event),
					Order: &notifyapi.Order{Reference: o.Reference, Currency: o.Currency, Money: o.money()}, Refund: refund,
				},
			})
		}
		if f.CameBack && o.to.Email != "" {
			n := orderNotice(notifyapi.RefundCameBack, &o.Order, o.to, l.Base+o.link)
			n.ID = "refund-came-back/" + paymentapi.RefundID(o.EventID, f.Seq) + attemptPart(f.Attempt)
			if f.Reason == paymentapi.ElsewhereFailed { // it was given back by hand, and each time of an attempt's may come back
				n.ID += "/" + strconv.FormatInt(f.At, 10)
			}
			n.Data.Refund = refund
			notices = append(notices, n)
		}
	}
	return notices, nil
}
