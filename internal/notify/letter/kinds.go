package letter

import (
	"strings"
	"time"

	"boxoffice/internal/locale"
	"boxoffice/internal/notifyapi"
)

// kinds are the letters. Each is given a draft that begins with the greeting.
var kinds = map[notifyapi.Kind]func(*draft){
	notifyapi.Verify: func(d *draft) {
		d.subject("verify.subject")
		d.say("verify.text")
		d.button("verify.button", d.n.Data.Link)
		d.say("verify.how")
		d.say("verify.code", "Code", d.n.Data.Code, "N", d.n.Data.Minutes)
		d.small("ignore")
	},
	notifyapi.AccountExists: func(d *draft) {
		d.subject("exists.subject")
		d.say("exists.text")
		d.button("exists.button", d.n.Data.Link)
		if d.n.Data.Forgot != "" {
			d.say("exists.forgot")
			d.button("exists.reset", d.n.Data.Forgot)
		}
		d.small("exists.ignore")
	},
	notifyapi.Reset: func(d *draft) {
		d.subject("reset.subject")
		d.say("reset.text")
		d.button("reset.button", d.n.Data.Link)
		d.small("reset.ignore")
	},
	notifyapi.Code: func(d *draft) {
		d.subject("code.subject", "Code", d.n.Data.Code)
		d.say("code.text", "Code", d.n.Data.Code, "N", d.n.Data.Minutes)
		d.small("code.ignore")
	},
	notifyapi.PasswordChanged: func(d *draft) {
		d.subject("password.subject")
		d.say("password.text")
		d.say("password.alarm")
	},
	notifyapi.AddressChanged: func(d *draft) {
		d.subject("moved.subject")
		d.say("moved.text")
		d.say("moved.alarm")
	},
	notifyapi.Booked: func(d *draft) {
		o := d.n.Data.Order
		d.tickets()
		switch {
		case o.Moved != nil:
			d.moved()
		case o.Amount > 0:
			d.say("booked.paid", "Reference", o.Reference)
		default:
			d.say("booked.free", "Reference", o.Reference)
		}
		switch o.Late {
		case "same-seats":
			d.say("booked.late")
		case "other-seats":
			d.say("booked.others", "Seats", d.list(o.Held))
		}
		d.event()
		d.seats()
		d.say("booked.how")
		d.button("booked.button", d.n.Data.Link)
		d.small("tickets.secret")
	},
	notifyapi.Gift: func(d *draft) {
		o := d.n.Data.Order
		d.tickets()
		if o.Moved != nil {
			d.moved()
		} else {
			d.say("gift.text", "Reference", o.Reference)
		}
		d.event()
		d.seats()
		d.say("gift.how")
		d.button("gift.button", d.n.Data.Link)
		d.small("gift.decline")
		d.small("tickets.secret")
	},
	notifyapi.EventMoved:     eventMoved,
	notifyapi.EventCancelled: eventCancelled,
	notifyapi.Reminder: func(d *draft) {
		d.subject("reminder.subject", "Event", name(d.n.Data.Event.Title))
		d.say("reminder.text", "Reference", d.n.Data.Order.Reference)
		d.event()
		d.places()
		d.say("reminder.how")
		d.button("reminder.button", d.n.Data.Link)
		d.small("tickets.secret")
		d.unsubscribe("reminder.why")
	},
	notifyapi.Refunded:    refunded,
	notifyapi.PaidTooLate: paidTooLate,
	notifyapi.WebhookOff: func(d *draft) {
		d.subject("webhook.subject")
		d.say("webhook.off", "URL", name(strings.TrimPrefix(d.n.Data.Webhook.URL, "https://")))
		if d.n.Data.Webhook.Gone {
			d.say("webhook.gone")
		} else {
			d.say("webhook.failing")
		}
		d.say("webhook.next")
		d.button("webhook.button", d.n.Data.Link)
	},
	notifyapi.Disputed:     disputed,
	notifyapi.RefundFailed: refundFailed,
	notifyapi.RefundCameBack: func(d *draft) {
		o := d.n.Data.Order
		amount := locale.Money(d.Lang, d.n.Data.Refund.Amount, o.Currency)
		d.subject("came-back.subject", "Amount", amount, "Event", name(d.n.Data.Event.Title), "Reference", o.Reference)
		d.say("came-back.text", "Amount", amount, "Reference", o.Reference)
		d.say("came-back.owed")
		d.event()
		d.button("refunded.button", d.n.Data.Link)
	},
	notifyapi.Announcement: announcement,
}

// tickets is the subject of an email with tickets.
func (d *draft) tickets() {
	key := "tickets.subject"
	if d.n.Data.Order.Moved != nil {
		key = "moved.seats.subject"
	}
	d.subject(key, "Event", name(d.n.Data.Event.Title), "Reference", d.n.Data.Order.Reference)
}

// moved says that the organizer has moved the order to other seats.
func (d *draft) moved() {
	o := d.n.Data.Order
	d.say("moved.seats", "Reference", o.Reference, "Seats", d.list(o.Moved.From))
	d.say("refunded.note", "Note", name(o.Moved.Note))
}

// list names seats in one line.
func (d *draft) list(places []notifyapi.Place) string {
	names := make([]string, len(places))
	for i := range places {
		names[i] = d.place(&places[i])
	}
	return strings.Join(names, "; ")
}

// event adds the event with its time, in the venue's zone, and its place.
func (d *draft) event() {
	e := d.n.Data.Event
	c := card{Title: name(e.Title), When: d.when(e), Where: where(e)}
	d.add(part{Event: &c})
}

// when writes the time of an event; of an unknown one what is known.
func (d *draft) when(e *notifyapi.Event) string {
	if e.Starts.IsZero() {
		if day, err := time.Parse(time.DateOnly, e.Date); err == nil {
			return locale.When(d.Lang, day, locale.Day)
		}
		return ""
	}
	return d.at(e.Starts, e.Zone)
}

// at writes a time in a zone.
func (d *draft) at(t time.Time, in string) string {
	if zone := d.zone(in); zone != nil {
		return locale.When(d.Lang, t.In(zone), locale.Long) + " (" + in + ")"
	}
	return locale.When(d.Lang, t, locale.Full)
}

// seats adds the seats with their prices, and what was paid.
func (d *draft) seats() { d.table("seats", "booked.sum", d.n.Data.Order.Amount) }

// table adds seats with their prices below a title, and a sum, unless it is 0.
func (d *draft) table(title, label string, sum int64) {
	o := d.n.Data.Order
	var table []row
	for i := range o.Places {
		p := &o.Places[i]
		r := row{Label: d.place(p)}
		if p.Price > 0 {
			r.Value = locale.Money(d.Lang, p.Price, o.Currency)
		}
		table = append(table, r)
	}
	if sum > 0 {
		table = append(table, row{Label: d.t(label), Value: locale.Money(d.Lang, sum, o.Currency), Sum: true})
	}
	d.add(part{Title: d.t(title), Table: table})
}

// places adds the seats without prices.
func (d *draft) places() {
	var table []row
	for i := range d.n.Data.Order.Places {
		table = append(table, row{Label: d.place(&d.n.Data.Order.Places[i])})
	}
	d.add(part{Title: d.t("seats"), Table: table})
}

func (d *draft) place(p *notifyapi.Place) string {
	parts := []string{name(p.Section)}
	if p.Row != "" {
		parts = append(parts, d.t("seat.row", "Row", name(p.Row)))
	}
	if p.Number != "" {
		parts = append(parts, d.t("seat.seat", "Number", name(p.Number)))
	}
	return strings.Join(parts, ", ")
}
