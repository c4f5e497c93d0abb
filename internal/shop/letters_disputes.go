package shop

import (
	"context"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// disputeStates are the steps of a dispute as notices name them.
var disputeStates = map[paymentapi.Status]string{paymentapi.Disputed: "open", paymentapi.DisputeWon: "won", paymentapi.DisputeLost: "lost"}

// Disputed returns the notices for organizers whose buyers dispute payments: one for each
// step. Events without an organizer have nobody to tell.
func (l *Letters) Disputed(ctx context.Context, list []paymentapi.Dispute) ([]notifyapi.Notice, error) {
	return inParts(list, func(list []paymentapi.Dispute) ([]notifyapi.Notice, error) { return l.disputed(ctx, list) })
}

func (l *Letters) disputed(ctx context.Context, list []paymentapi.Dispute) ([]notifyapi.Notice, error) {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.BookingID()
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
	if len(owners) == 0 {
		return nil, nil
	}
	slices.Sort(owners)
	people, err := l.People.People(ctx, slices.Compact(owners))
	if err != nil {
		return nil, err
	}
	orders, err := l.Orders.with(ctx, about)
	if err != nil {
		return nil, err
	}
	var notices []notifyapi.Notice
	for i := range orders {
		o, d := &orders[i], &list[i]
		to := people[o.OrganizerID]
		if to.Email == "" {
			continue
		}
		told := &notifyapi.Dispute{State: disputeStates[d.Step], Amount: d.Amount, Reason: d.Reason, Back: d.Back}
		if d.Due != 0 {
			told.Due = time.UnixMicro(d.Due).UTC()
		}
		key := "dispute/" + d.PaymentID
		if d.ID != "" { // an earlier version does not name it
			key += "/" + d.ID
		}
		notices = append(notices, notifyapi.Notice{
			ID: key + "/" + told.State, Kind: notifyapi.Disputed, To: to.Email, Name: to.Name, Lang: to.Lang, UserID: o.OrganizerID,
			Data: notifyapi.Data{
				Link: l.Base + "/organizer/events/" + o.EventID + "/orders/" + o.ID + "#payment", Event: noticeEvent(&o.Event),
				Order: &notifyapi.Order{Reference: o.Reference, Currency: d.Currency, Money: o.money()}, Dispute: told,
			},
		})
	}
	return notices, nil
}
