package letter

import "boxoffice/internal/locale"

// refunded says how much went back, for which seats, and what is left of the order.
func refunded(d *draft) {
	o, r := d.n.Data.Order, d.n.Data.Refund
	amount := locale.Money(d.Lang, r.Amount, o.Currency)
	d.subject("refunded.subject", "Amount", amount, "Event", name(d.n.Data.Event.Title), "Reference", o.Reference)
	if r.Goodwill {
		d.say("refunded.goodwill", "Amount", amount, "Paid", locale.Money(d.Lang, o.Amount, o.Currency), "Reference", o.Reference)
	} else if r.Amount == o.Amount {
		d.say("refunded.whole", "Amount", amount, "Reference", o.Reference)
	} else {
		d.say("refunded.part", "Amount", amount, "Paid", locale.Money(d.Lang, o.Amount, o.Currency), "Reference", o.Reference)
	}
	if r.Note != "" {
		d.say("refunded.note", "Note", name(r.Note))
	}
	if r.Kept > 0 && !r.Off {
		d.say("refunded.kept", "Kept", locale.Money(d.Lang, r.Kept, o.Currency))
	}
	switch {
	case r.Off:
		d.say("refunded.off")
	case r.Goodwill && r.Left > 0:
		d.say("refunded.stay")
	case r.Left > 0:
		d.say("refunded.left", "N", r.Left)
	default:
		d.say("refunded.over")
	}
	d.event()
	if !r.Goodwill {
		d.table("refunded.seats", "refunded.sum", r.Amount)
	}
	d.say("refunded.when")
	d.button("refunded.button", d.n.Data.Link)
	if r.Left > 0 {
		d.small("tickets.secret")
	}
}

// paidTooLate says why a payment could not be used, and what becomes of the money.
func paidTooLate(d *draft) {
	o, r := d.n.Data.Order, d.n.Data.Refund
	d.subject("late.subject", "Event", name(d.n.Data.Event.Title), "Reference", o.Reference)
	d.say("late.text", "Amount", locale.Money(d.Lang, r.Amount, o.Currency), "Reference", o.Reference)
	switch r.Reason {
	case "paid-too-late", "hold-over", "seats-gone":
		d.say("late.over")
	case "event-cancelled":
		d.say("late.off")
	case "booking-cancelled":
		d.say("late.cancelled")
	case "already-booked":
		d.say("late.twice")
	default:
		d.say("late.other")
	}
	if r.Taken {
		d.say("late.taken")
	} else {
		d.say("late.reserved")
	}
	d.event()
	d.table("late.seats", "", 0)
	if r.Again {
		d.say("late.again")
		d.button("late.event", d.n.Data.Link)
	} else {
		d.button("refunded.button", d.n.Data.Link)
	}
}

// disputed tells an organizer that a buyer disputes a payment, or how that was decided.
func disputed(d *draft) {
	o, x := d.n.Data.Order, d.n.Data.Dispute
	amount, event := locale.Money(d.Lang, x.Amount, o.Currency), name(d.n.Data.Event.Title)
	switch x.State {
	case "won":
		d.subject("dispute.won.subject", "Amount", amount, "Event", event, "Reference", o.Reference)
		d.say("dispute.won.text", "Amount", amount, "Reference", o.Reference)
	case "lost":
		d.subject("dispute.lost.subject", "Amount", amount, "Event", event, "Reference", o.Reference)
		d.say("dispute.lost.text", "Amount", amount, "Reference", o.Reference)
		d.say("dispute.stay")
	default:
		d.subject("dispute.open.subject", "Amount", amount, "Event", event, "Reference", o.Reference)
		d.say("dispute.open.text", "Amount", amount, "Reference", o.Reference)
		if x.Reason != "" {
			d.say("dispute.reason", "Reason", name(x.Reason))
		}
		if x.Back > 0 {
			d.say("dispute.back", "Amount", locale.Money(d.Lang, x.Back, o.Currency))
		}
		if x.Due.IsZero() {
			d.say("dispute.due.unknown")
		} else {
			d.say("dispute.due", "Date", d.at(x.Due, d.n.Data.Event.Zone))
		}
		d.say("dispute.how")
		d.say("dispute.stay")
	}
	d.event()
	d.button("dispute.button", d.n.Data.Link)
}

// refundFailed tells an organizer that a refund needs them.
func refundFailed(d *draft) {
	o, r := d.n.Data.Order, d.n.Data.Refund
	amount := locale.Money(d.Lang, r.Amount, o.Currency)
	d.subject("refund-failed.subject", "Amount", amount, "Event", name(d.n.Data.Event.Title), "Reference", o.Reference)
	if r.CameBack {
		d.say("refund-failed.back", "Amount", amount, "Reference", o.Reference)
	} else {
		d.say("refund-failed.text", "Amount", amount, "Reference", o.Reference)
	}
	if r.Reason != "" {
		d.say("refund-failed.reason", "Reason", name(r.Reason))
	}
	d.say("refund-failed.next")
	d.event()
	d.button("refund-failed.button", d.n.Data.Link)
	d.small("refund-failed.once")
}
