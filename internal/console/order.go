package console

import (
	"net/http"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// order shows an order with the log of its mails, mails its tickets again, and corrects
// its address.
func (c *Console) order(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	email := v.PostFormValue("email")
	var faults page.Faults
	if v.Method == http.MethodPost {
		_, err := c.Mails.TellAgain(v.Context(), v.Caller, bookingID, email)
		if err == nil {
			v.Notice("tickets-again")
			return v.Go(at(e, "/orders/"+bookingID))
		}
		var ok bool
		if faults, ok = v.Faults(err); !ok {
			return err
		}
	}
	return c.showOrder(v, e, bookingID, orderForms{Email: email, Faults: faults})
}

// orderForms are the forms of an order's page as they were sent.
type orderForms struct {
	Email                    string
	Faults                   page.Faults // of the address
	Do                       string      // what was asked for: cancel, back, move, replace, or list
	Chosen                   []string    // seats to cancel, or whose tickets to replace
	Terms                    bool        // by the terms
	Seats                    string      // to move to
	SeatsFault               string
	List, ListFault          string // of guests
	Amount, Reason, Problem  string
	AmountFault, ReasonFault string
}

// Has reports whether a seat is chosen.
func (f *orderForms) Has(label string) bool {
	return f.Do != "cancel" || slices.Contains(f.Chosen, label)
}

func (c *Console) showOrder(v *page.Visit, e *eventapi.Event, bookingID string, forms orderForms) error {
	list, err := c.named(v.Context(), func() ([]bookingapi.Booking, error) {
		b, err := bookingapi.One(v.Context(), c.Bookings.Bookings, "booking", bookingID)
		return []bookingapi.Booking{b}, err
	})
	if err != nil {
		return err
	}
	log, err := c.Mails.OrderLog(v.Context(), v.Caller, bookingID)
	if err != nil {
		return err
	}
	reasons, moves, err := c.reasons(v, &list[0].Booking, zoneOf(e))
	if err != nil {
		return err
	}
	if v.Method != http.MethodPost || forms.Do != "" {
		forms.Email = log.To
	}
	onList, names, err := c.listOf(v.Context(), v, e, bookingID)
	if err != nil {
		return err
	}
	if forms.Do != "list" {
		forms.List = onList
	}
	if forms.Do != "move" {
		forms.Seats = placeLabels(list[0].Places)
	}
	zone := zoneOf(e)
	mails := make([]mailRow, len(log.Lines))
	for i := range log.Lines {
		mails[i] = rowOf(&log.Lines[i], zone)
	}
	b := &list[0]
	papers, err := c.orderInvoices(v, b)
	if err != nil {
		return err
	}
	steps, whole, payment, err := c.paymentSteps(v, bookingID, zone)
	if err != nil {
		return err
	}
	disputed, err := c.Payments.DisputedOf(v.Context(), bookingID)
	if err != nil {
		return err
	}
	disputed = slices.DeleteFunc(disputed, func(p paymentapi.Payment) bool { return p.Disputed == 0 || !disputing(&p) })
	replaced, rev, err := c.replacements(v, b, zone)
	if err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "order", page.Meta{Title: v.T("desk.title", "Reference", b.Reference), NoIndex: true}, map[string]any{
		"Event": e, "B": b, "Made": time.UnixMicro(b.CreatedAt).In(zone), "Log": &log, "Mails": mails, "Email": forms.Email, "Faults": forms.Faults,
		"Papers": papers, "Steps": steps, "Whole": whole, "Payment": payment, "Disputed": disputed, "Labels": placeLabels(b.Places), "Left": leftOf(&b.Booking, payment),
		"Form": &forms, "Reasons": reasons, "Moves": moves, "Replaced": replaced, "Rev": rev, "OnList": onList, "Lists": names, "Sold": b.Kind == bookingapi.Sold && b.PaymentID != "",
	})
}

// leftOf returns how much of a booking's money can still be given back, in minor units. It
// asks the payment too, since the booking does not know of money given back on the payment
// gateway's own pages.
func leftOf(b *bookingapi.Booking, p *paymentapi.Payment) int64 {
	if p == nil || p.ID != b.PaymentID || p.Status != paymentapi.Captured && p.Status != paymentapi.Refunded {
		return b.Left
	}
	return max(0, min(b.Left, p.Amount-p.Refunded))
}

// disputing reports whether a dispute of a payment is not decided yet.
func disputing(p *paymentapi.Payment) bool {
	open := map[string]bool{} // by the gateway's name; "": an earlier version has not noted it
	for _, s := range p.History {
		switch s.Status {
		case paymentapi.Disputed:
			open[s.Dispute] = true
		case paymentapi.DisputeWon, paymentapi.DisputeLost:
			delete(open, s.Dispute)
			delete(open, "")
		}
	}
	return len(open) > 0
}

// paymentStep is a step of a payment.
type paymentStep struct {
	What, Reason, Reference string
	Known                   bool // it has words
	Moved                   int64
	Currency                string
	At                      time.Time
}

// stepsInWords are the steps that have words of their own; a later version may have more.
var stepsInWords = []string{"pending", "authorized", "captured", "partly_refunded", "refunded", "failed", "voided", "taking_back", "voiding", "returning",
	"disputed", "dispute_won", "dispute_lost", "refunded_elsewhere", "refund_failed",
	"taken_otherwise", "excess_returned", "excess_failed", paymentapi.StepOpening, paymentapi.StepFee}

// paymentSteps are what the journal has of the latest payment for a booking, oldest first;
// whole is false if something was left out.
func (c *Console) paymentSteps(v *page.Visit, bookingID string, zone *time.Location) (list []paymentStep, whole bool, _ *paymentapi.Payment, _ error) {
	found, err := c.Payments.Latest(v.Context(), []string{bookingID})
	p, ok := found[bookingID]
	if err != nil || !ok {
		return nil, true, nil, err
	}
	story, whole, err := c.Payments.Story(v.Context(), v.Caller, p.ID)
	if err != nil {
		return nil, false, nil, err
	}
	list = make([]paymentStep, len(story))
	for i := range story {
		s := &story[i]
		list[i] = paymentStep{What: s.Step, Reason: s.Reason, Reference: s.Reference, Known: slices.Contains(stepsInWords, s.Step), Currency: s.Currency, At: time.UnixMicro(s.At).In(zone)}
		list[i].Moved = s.AtGateway()
		if s.At == 0 {
			list[i].At = p.CreatedAt.In(zone)
		}
	}
	return list, whole, &p, nil
}

// zoneOf returns the time zone of an event's venue.
func zoneOf(e *eventapi.Event) *time.Location {
	if zone, err := time.LoadLocation(e.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// mailRow is a line of an order's log.
type mailRow struct {
	notifyapi.Line
	At    time.Time // when it got into its state; of a queued one when it was made
	Tried bool      // it was tried, and is tried again
}

func rowOf(l *notifyapi.Line, zone *time.Location) mailRow {
	r := mailRow{Line: *l, At: l.CreatedAt.In(zone)}
	if l.State != notifyapi.StateQueued {
		r.At = l.DoneAt.In(zone)
	}
	r.Tried = l.State == notifyapi.StateQueued && l.Answer != ""
	r.NextAt = l.NextAt.In(zone)
	return r
}

// Kinds and states that have words of their own; a later version may have more.
var (
	mailKinds  = map[notifyapi.Kind]bool{notifyapi.Booked: true, notifyapi.Gift: true, notifyapi.Refunded: true, notifyapi.PaidTooLate: true, notifyapi.RefundCameBack: true, notifyapi.EventMoved: true, notifyapi.EventCancelled: true, notifyapi.Reminder: true, notifyapi.Announcement: true}
	mailStates = map[notifyapi.State]bool{notifyapi.StateQueued: true, notifyapi.StateSent: true, notifyapi.StateFailed: true, notifyapi.StateBounced: true, notifyapi.StateStopped: true, notifyapi.StateUnwanted: true, notifyapi.StateDelivered: true}
)

// What names what a mail tells.
func (r *mailRow) What() string { return kindName(r.Kind) }

func kindName(kind notifyapi.Kind) string {
	if mailKinds[kind] {
		return string(kind)
	}
	return "other"
}

// Became names what became of a mail.
func (r *mailRow) Became() string {
	switch {
	case r.Tried:
		return "retried"
	case mailStates[r.State]:
		return string(r.State)
	}
	return "other"
}
