package letter

import (
	"strings"

	"boxoffice/internal/locale"
	"boxoffice/internal/notifyapi"
)

// eventMoved tells those who have tickets where and when an event takes place now, where
// and when it was to take place, and until when they may cancel.
func eventMoved(d *draft) {
	data := &d.n.Data
	d.subject("event-moved.subject", "Event", name(data.Event.Title), "Reference", data.Order.Reference)
	d.say("event-moved.text", "Event", name(data.Event.Title), "Reference", data.Order.Reference)
	if data.Unsure {
		d.event()
	} else {
		d.changes(data.Before, data.Event)
	}
	d.mayCancel()
	d.button("booked.button", data.Link)
	d.small("tickets.secret")
}

// changes says what an event was and is.
func (d *draft) changes(was, is *notifyapi.Event) {
	before, now := d.when(was), d.when(is)
	if before == "" {
		before = d.t("event-moved.open")
	}
	if now == "" {
		now = d.t("event-moved.open")
	}
	if before != now {
		d.say("event-moved.time.before", "Time", before)
		d.say("event-moved.time", "Time", now)
	}
	if from, to := where(was), where(is); from != to {
		d.say("event-moved.venue.before", "Venue", from)
		d.say("event-moved.venue", "Venue", to)
	}
	if is.Title != was.Title {
		d.say("event-moved.title.before", "Title", name(was.Title))
	}
}

// mayCancel says until when those who cannot come may cancel their order.
func (d *draft) mayCancel() {
	data := &d.n.Data
	switch paid, until := data.Order.Amount > 0, data.CancelUntil; {
	case paid && !until.IsZero():
		d.say("event-moved.money", "Time", d.at(until, data.Event.Zone))
	case !until.IsZero():
		d.say("event-moved.cancel", "Time", d.at(until, data.Event.Zone))
	case paid && data.CancelAnyTime:
		d.say("event-moved.money.any-time")
	case data.CancelAnyTime:
		d.say("event-moved.cancel.any-time")
	}
}

// eventCancelled tells those who have tickets that an event does not take place, and
// that their money comes back.
func eventCancelled(d *draft) {
	data := &d.n.Data
	d.subject("event-cancelled.subject", "Event", name(data.Event.Title), "Reference", data.Order.Reference)
	d.say("event-cancelled.text", "Reference", data.Order.Reference)
	d.event()
	if data.Order.Amount > 0 {
		d.say("event-cancelled.money", "Amount", locale.Money(d.Lang, data.Order.Amount, data.Order.Currency))
	}
	d.button("event-cancelled.button", data.Link)
}

// where writes the place of an event.
func where(e *notifyapi.Event) string {
	var list []string
	for _, part := range []string{e.Venue, e.Address, e.City} {
		if part != "" {
			list = append(list, name(part))
		}
	}
	return strings.Join(list, ", ")
}
