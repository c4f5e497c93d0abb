package shop

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// returned makes the notices for some of those whose money comes back: for each refund,
// and each payment that was given up, one.
func (l *Letters) returned(ctx context.Context, list []paymentapi.Return) ([]notifyapi.Notice, error) {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.BookingID()
	}
	bookings, err := l.bookings(ctx, ids)
	if err != nil {
		return nil, err
	}
	entries, err := l.cancelled(ctx, list)
	if err != nil {
		return nil, err
	}
	about, left := make([]bookingapi.Booking, len(list)), make([]int, len(list))
	for i, r := range list {
		about[i] = bookings[r.BookingID()]
		if about[i].Status == bookingapi.Booked {
			left[i] = len(about[i].Seats)
		}
		if r.Seq <= 0 {
			continue
		}
		e, ok := entries[paymentapi.RefundID(about[i].EventID, r.Seq)]
		if !ok || e.Kind != ledger.Cancelled || e.BookingID != about[i].ID {
			return nil, fmt.Errorf("entry %d, which was refunded by payment %s: %w", r.Seq, r.PaymentID, errs.Missing("entry"))
		}
		if len(e.Seats) > 0 {
			about[i].Seats = e.Seats // the order that is shown has the seats that were given back
		}
	}
	notes, err := l.notes(ctx, list)
	if err != nil {
		return nil, err
	}
	told, err := l.told(ctx, about)
	if err != nil {
		return nil, err
	}
	var notices []notifyapi.Notice
	for i := range told {
		o, r := &told[i], &list[i]
		switch {
		case o.to.Email == "": // made in bulk, or deleted in the meantime
		case r.Seq == 0:
			notices = append(notices, l.tooLate(o, r))
		case o.Payment == nil || o.Payment.ID != r.PaymentID:
			return nil, fmt.Errorf("payment %s: %w", r.PaymentID, errs.Missing("payment"))
		default:
			of := paymentapi.RefundID(o.EventID, r.Seq)
			n := l.refunded(o, r, left[i], len(entries[of].Seats) == 0)
			n.Data.Refund.Note = notes[of]
			notices = append(notices, n)
		}
	}
	return notices, nil
}

// refunded is the notice for a refund.
func (l *Letters) refunded(o *toldOrder, r *paymentapi.Return, left int, goodwill bool) notifyapi.Notice {
	n := orderNotice(notifyapi.Refunded, &o.Order, o.to, l.Base+o.link)
	n.ID = fmt.Sprintf("refunded/%s/%d%s", r.PaymentID, r.Seq, attemptPart(r.Attempt)) // one that came back is told once it is made again
	n.Data.Order.Amount, n.Data.Order.Currency = o.Payment.Amount, r.Currency
	n.Data.Refund = &notifyapi.Refund{Amount: r.Amount, Left: left, Off: o.Off(), Goodwill: goodwill}
	if !goodwill {
		for i := range o.Places {
			n.Data.Refund.Kept += o.Places[i].Tier.Price
		}
		n.Data.Refund.Kept = max(0, min(n.Data.Refund.Kept-r.Amount, o.Payment.Amount-o.Payment.Refunded)) // a part may have gone back before
	}
	if o.Off() {
		n.Data.Refund.Left = 0 // the rest is cancelled in a moment
		n.After = cancelledMailing(o.EventID)
	}
	return n
}

// attemptPart is what the ids of notices about a refund end with.
func attemptPart(attempt int64) string {
	if attempt > 1 {
		return "." + strconv.FormatInt(attempt, 10)
	}
	return ""
}

// notes reads why organizers gave money back, by refund id.
func (l *Letters) notes(ctx context.Context, list []paymentapi.Return) (map[string]string, error) {
	seqs := map[string][]int64{} // by event
	for _, r := range list {
		if event := id.Event(r.BookingID()); r.Seq > 0 {
			seqs[event] = append(seqs[event], r.Seq)
		}
	}
	notes := map[string]string{}
	for event, wanted := range seqs {
		found, err := l.Bookings.Reasons(ctx, event, wanted)
		if err != nil {
			return nil, err
		}
		for seq, text := range found {
			notes[paymentapi.RefundID(event, seq)] = text
		}
	}
	return notes, nil
}

// tooLate is the notice for a payment that could not be used.
func (l *Letters) tooLate(o *toldOrder, r *paymentapi.Return) notifyapi.Notice {
	n := orderNotice(notifyapi.PaidTooLate, &o.Order, o.to, l.Base+o.link)
	n.ID = fmt.Sprintf("paid-too-late/%s/%t", r.PaymentID, r.Taken) // money that is taken after it was released is news
	n.Data.Order.Amount, n.Data.Order.Currency = r.Amount, r.Currency
	if o.Payment == nil || o.Payment.ID != r.PaymentID { // there was another one since
		n.Data.Order.Money = ""
	}
	n.Data.Refund = &notifyapi.Refund{Amount: r.Amount, Reason: r.Reason, Taken: r.Taken}
	switch late := slices.Contains([]string{"paid-too-late", "seats-gone", "hold-over"}, r.Reason); {
	case o.Off() && (late || r.Reason == "booking-cancelled"): // because of that
		n.Data.Refund.Reason = "event-cancelled"
	case late:
		n.Data.Refund.Again, n.Data.Link = true, l.Base+eventPath(&o.Event)
	}
	return n
}

// cancelled reads the ledger entries that refunds are for, by refund id. The refunds of a
// cancelled event are for entries that follow one another: they are read together.
func (l *Letters) cancelled(ctx context.Context, list []paymentapi.Return) (map[string]ledger.Entry, error) {
	seqs := map[string][]int64{} // by event
	for _, r := range list {
		if r.Seq > 0 {
			event := id.Event(r.BookingID())
			seqs[event] = append(seqs[event], r.Seq)
		}
	}
	found := map[string]ledger.Entry{}
	for event, wanted := range seqs {
		slices.Sort(wanted)
		for len(wanted) > 0 {
			n := 1
			for n < len(wanted) && wanted[n]-wanted[n-1] <= entriesBetween {
				n++
			}
			entries, err := l.Bookings.Entries(ctx, event, wanted[0]-1, int(wanted[n-1]-wanted[0])+1)
			if err != nil {
				return nil, err
			}
			for i := range entries {
				found[paymentapi.RefundID(event, entries[i].Seq)] = entries[i]
			}
			wanted = wanted[n:]
		}
	}
	return found, nil
}

// entriesBetween is how many entries are read along, rather than the next one alone.
const entriesBetween = 16
