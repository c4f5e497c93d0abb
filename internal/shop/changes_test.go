package shop

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// office is the sales and the mailings of events.
type office struct {
	sale     bookingapi.Sale
	mailings []notifyapi.Progress
	fails    bool
}

func (o *office) Sales(_ context.Context, ids []string) (map[string]bookingapi.Sale, error) {
	if o.fails {
		return nil, errors.New("planned")
	}
	return map[string]bookingapi.Sale{ids[0]: o.sale}, nil
}

func (o *office) MailingsOf(context.Context, string) ([]notifyapi.Progress, error) {
	return o.mailings, nil
}

var (
	changedNow = time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	starts     = time.Date(2027, 3, 1, 19, 0, 0, 0, time.UTC)
)

// facts are those of an event on sale, changed.
func facts(change func(*eventapi.Facts)) eventapi.Facts {
	f := eventapi.Facts{
		Title: "Gala", Status: eventapi.OnSale, Announced: true, StartsAt: starts.UnixMicro(), Date: "2027-03-01",
		TimeZone: "Europe/Berlin", Venue: "Old Hall", City: "Ulm", Country: "DE",
	}
	if change != nil {
		change(&f)
	}
	return f
}

func at(d time.Duration) func(*eventapi.Facts) {
	return func(f *eventapi.Facts) { f.StartsAt = starts.Add(d).UnixMicro() }
}

func off(f *eventapi.Facts) { f.Status = eventapi.Cancelled }

// change is version n of an event.
func changeOf(n int64, before, after eventapi.Facts) eventapi.Settled {
	return eventapi.Settled{EventID: "e", At: changedNow.Add(-time.Second), SettledMessage: eventapi.SettledMessage{Version: n, Before: &before, After: after}}
}

// People are told of another time or venue, and that an event does not take place.
func TestWhichChangesAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		before, after func(*eventapi.Facts)
		want          string
	}{
		"time":          {nil, at(time.Hour), "moved/e/7"},
		"venue":         {nil, func(f *eventapi.Facts) { f.Venue = "New Hall" }, "moved/e/7"},
		"address":       {nil, func(f *eventapi.Facts) { f.Address = "Gate 3" }, "moved/e/7"},
		"postponed":     {nil, func(f *eventapi.Facts) { f.StartsAt, f.Date = 0, "" }, "moved/e/7"},
		"now known":     {func(f *eventapi.Facts) { f.StartsAt, f.Date = 0, "" }, nil, "moved/e/7"},
		"another day":   {func(f *eventapi.Facts) { f.StartsAt = 0 }, func(f *eventapi.Facts) { f.StartsAt, f.Date = 0, "2027-03-02" }, "moved/e/7"},
		"title":         {nil, func(f *eventapi.Facts) { f.Title = "Other" }, ""},
		"end":           {nil, func(f *eventapi.Facts) { f.EndsAt = starts.Add(time.Hour).UnixMicro() }, ""},
		"paused":        {nil, func(f *eventapi.Facts) { f.Status = eventapi.Published }, ""},
		"a draft":       {func(f *eventapi.Facts) { f.Announced = false }, at(time.Hour), ""},
		"still a draft": {func(f *eventapi.Facts) { f.Announced = false }, func(f *eventapi.Facts) { at(time.Hour)(f); f.Announced = false }, ""},
		"over":          {at(-60 * 24 * time.Hour), at(-59 * 24 * time.Hour), ""},
		"cancelled":     {nil, off, "cancelled/e"},
		"once":          {off, func(f *eventapi.Facts) { off(f); f.Title = "Never mind" }, ""},
		"no draft":      {nil, func(f *eventapi.Facts) { off(f); f.Announced = false }, ""},
	} {
		c := &Changes{Sales: &office{}, Mailings: &office{}, Now: func() time.Time { return changedNow }}
		list, err := c.Due(t.Context(), []eventapi.Settled{changeOf(7, facts(test.before), facts(test.after))})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(list) > 0 {
			got = list[0].ID
		}
		if got != test.want || len(list) > 1 {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What an older version of this program has told is not known: a cancellation is told,
// and nothing else.
func TestChangesWithoutBefore(t *testing.T) {
	c := &Changes{Sales: &office{}, Mailings: &office{}, Now: func() time.Time { return changedNow }}
	for after, want := range map[eventapi.Facts]int{facts(nil): 0, facts(off): 1} {
		list, err := c.Due(t.Context(), []eventapi.Settled{{EventID: "e", At: changedNow, SettledMessage: eventapi.SettledMessage{Version: 3, After: after}}})
		if err != nil || len(list) != want {
			t.Errorf("%+v: %+v %v", after, list, err)
		}
	}
}

// A mailing has what was and what is, for the orders made before the change, until the
// event begins; and what one may do until when.
func TestMailingOfAMovedEvent(t *testing.T) {
	o := &office{sale: bookingapi.Sale{ChangedAt: 1, RefundsEnd: changedNow.Add(-time.Hour).UnixMicro(), ChangeRefundsEnd: changedNow.Add(time.Hour).UnixMicro()}}
	c := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return changedNow }}
	soon := changedNow.Add(30 * time.Hour)
	list, err := c.Due(t.Context(), []eventapi.Settled{changeOf(7, facts(nil), facts(func(f *eventapi.Facts) { f.StartsAt = soon.UnixMicro() }))})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	m := list[0]
	if m.Kind != notifyapi.EventMoved || m.EventID != "e" || !m.Data.Before.Starts.Equal(starts) || !m.Data.Event.Starts.Equal(soon) || m.Data.Event.Venue != "Old Hall" ||
		!m.MadeUntil.Equal(changedNow.Add(-time.Second)) || !m.Until.Equal(soon) || !slices.Contains(m.Replaces, notifyapi.Reminder) {
		t.Errorf("%+v", m)
	}
	for name, test := range map[string]struct {
		sale  bookingapi.Sale
		until time.Duration
		any   bool
	}{
		"as everybody":            {bookingapi.Sale{RefundsEnd: 5}, 5, false},
		"longer, for the change":  {bookingapi.Sale{RefundsEnd: 5, ChangedAt: 1, ChangeRefundsEnd: 9}, 9, false},
		"the terms are better":    {bookingapi.Sale{RefundsEnd: 9, ChangedAt: 1, ChangeRefundsEnd: 5}, 9, false},
		"over":                    {bookingapi.Sale{RefundsEnd: -5, ChangedAt: 1, ChangeRefundsEnd: -4}, 0, false},
		"no date":                 {bookingapi.Sale{}, 0, true},
		"no date, for the change": {bookingapi.Sale{RefundsEnd: -5, ChangedAt: 1}, 0, true},
	} {
		for _, p := range []*int64{&test.sale.RefundsEnd, &test.sale.ChangeRefundsEnd} {
			if *p != 0 {
				*p = changedNow.Add(time.Duration(*p) * time.Hour).UnixMicro()
			}
		}
		until, anyTime := cancelUntil(&test.sale, changedNow)
		if anyTime != test.any || until.IsZero() != (test.until == 0) || !until.IsZero() && !until.Equal(changedNow.Add(test.until*time.Hour)) {
			t.Errorf("%s: until %v, at any time %v", name, until, anyTime)
		}
	}
}

// Changes that are told together are one, from what people know to what is so now; a
// cancellation makes the others pointless. What a running mailing has not told everybody
// yet is told by the next one.
func TestChangesAreToldTogether(t *testing.T) {
	o := &office{}
	c := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return changedNow }}
	a, b, d := facts(nil), facts(at(time.Hour)), facts(at(2*time.Hour))
	due := func(list ...eventapi.Settled) []notifyapi.Mailing {
		t.Helper()
		got, err := c.Due(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if list := due(changeOf(2, a, b), changeOf(3, b, d)); len(list) != 1 || list[0].ID != "moved/e/3" || !list[0].Data.Before.Starts.Equal(starts) {
		t.Errorf("twice: %+v", list)
	}
	if list := due(changeOf(2, a, b), changeOf(3, b, facts(off))); len(list) != 1 || list[0].ID != "cancelled/e" {
		t.Errorf("cancelled: %+v", list)
	}
	running := func(state notifyapi.MailingState) []notifyapi.Progress {
		p := notifyapi.Progress{State: state}
		p.ID, p.Kind, p.Data.Before, p.Data.Event = "moved/e/2", notifyapi.EventMoved, factsEvent(&a), factsEvent(&b)
		return []notifyapi.Progress{{Mailing: notifyapi.Mailing{ID: "x", Kind: notifyapi.Reminder}}, p}
	}
	for state, want := range map[notifyapi.MailingState]time.Time{notifyapi.Running: starts, notifyapi.Done: starts.Add(time.Hour), notifyapi.Stopped: starts.Add(time.Hour)} {
		o.mailings = running(state)
		if list := due(changeOf(3, b, d)); len(list) != 1 || !list[0].Data.Before.Starts.Equal(want) {
			t.Errorf("the mailing before is %s: %+v", state, list)
		}
	}
	o.mailings = running(notifyapi.Running)
	if list := due(changeOf(3, b, a)); len(list) != 1 || len(list[0].Data.Known) != 2 {
		t.Errorf("back, and some know already: %+v", list)
	}
	o.fails = true
	if _, err := c.Due(t.Context(), []eventapi.Settled{changeOf(2, a, b)}); err == nil {
		t.Error("no error")
	}
}

// People are not mailed each of many changes: the first is told at once, further ones wait
// longer and longer, and what waits is told together, or not at all if it is taken back.
func TestManyChangesAreFewMailings(t *testing.T) {
	now := changedNow
	o := &office{}
	c := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return now }}
	was, told := facts(nil), 0
	change := func(n int64, is eventapi.Facts) {
		t.Helper()
		for i := range o.mailings { // what is due is carried out
			if p := &o.mailings[i]; p.State == notifyapi.Running && !p.Begins.After(now) {
				p.Begins, p.State, p.Ended = time.Time{}, notifyapi.Done, now
				told++
			}
		}
		list, err := c.Due(t.Context(), []eventapi.Settled{changeOf(n, was, is)})
		if was = is; err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		for i := range o.mailings {
			if p := &o.mailings[i]; p.State == notifyapi.Running {
				p.State = notifyapi.Stopped
			}
		}
		o.mailings = slices.Insert(o.mailings, 0, notifyapi.Progress{Mailing: list[0], State: notifyapi.Running, Created: now})
	}
	for n := range int64(12) { // one each three minutes
		change(n, facts(at(time.Duration(n+1)*time.Minute)))
		now = now.Add(3 * time.Minute)
	}
	last := o.mailings[0]
	if now = last.Created; told != 2 || !last.Begins.After(now) || !last.Data.Event.Starts.Equal(starts.Add(12*time.Minute)) || last.Data.Before.Starts.Equal(starts.Add(11*time.Minute)) {
		t.Errorf("%d mailings, then %+v", told, last)
	}
	back := facts(func(f *eventapi.Facts) { f.StartsAt = last.Data.Before.Starts.UnixMicro() })
	if change(20, back); len(o.mailings) != 13 || !o.mailings[0].Begins.After(now) || len(o.mailings[0].Data.Known) > mostKnown {
		t.Errorf("taken back: %+v", o.mailings[0])
	}
	o.mailings[0].Begins, o.mailings[0].State, o.mailings[0].Ended, o.mailings[0].Complete = time.Time{}, notifyapi.Done, now, true // nobody had bought meanwhile
	was = facts(at(30 * time.Minute))
	if change(21, facts(nil)); !o.mailings[0].Begins.Equal(last.Begins) {
		t.Errorf("%v, though nobody was told since, not %v", o.mailings[0].Begins, last.Begins)
	}
	o.mailings[0].State = notifyapi.Stopped
	now = now.Add(25 * time.Hour)
	if change(22, facts(at(time.Hour))); !o.mailings[0].Begins.IsZero() {
		t.Errorf("a day later: %+v", o.mailings[0])
	}
}

// Whoever has bought tickets while the event was different for some time is told so, and
// what it was then, whatever others know; whoever knows what is so is told nothing.
func TestChangesAreToldAsKnown(t *testing.T) {
	a, b, c := facts(nil), facts(at(time.Hour)), facts(at(2*time.Hour))
	minute := func(n int) time.Time { return changedNow.Add(time.Duration(n) * time.Minute) }
	settled := func(n int, before, after eventapi.Facts) eventapi.Settled { // in minute n
		ch := changeOf(int64(n), before, after)
		ch.At = minute(n)
		return ch
	}
	// What buyers of tickets in odd minutes are told, whom a mailing before has shown something
	// or not: "was" is as in "event"; "?": not shown.
	told := func(m, before *notifyapi.Mailing, sent bool) (list []string) {
		hour := func(e *notifyapi.Event) string {
			if e == nil {
				return "-"
			}
			return e.Starts.Format("15h")
		}
		for made := 1; made < 8; made += 2 {
			n := notifyapi.Notice{Kind: m.Kind}
			var shown []notifyapi.Shown
			if before != nil && !minute(made).After(before.MadeUntil) && asKnown(new(notifyapi.Notice), before, minute(made), nil) {
				shown = []notifyapi.Shown{{Kind: before.Kind, At: before.MadeUntil.Add(time.Second), Event: before.Data.Event, Sent: sent}}
			}
			if !m.MadeUntil.IsZero() && minute(made).After(m.MadeUntil) || !asKnown(&n, m, minute(made), shown) {
				list = append(list, "")
				continue
			}
			e, before := n.Data.Event, n.Data.Before
			if e == nil {
				e = m.Data.Event
			}
			if before == nil {
				before = m.Data.Before
			}
			line := hour(before) + " " + hour(e)
			if n.Data.Unsure {
				line += "?"
			}
			list = append(list, line)
		}
		return list
	}
	const waits, begun, sent, ended = "waits", "has begun", "was sent to some", "has ended"
	for name, test := range map[string]struct {
		list  []eventapi.Settled // told together
		then  *eventapi.Settled  // told later
		first string             // what the mailing about list does then
		want  []string
	}{
		"moved":                         {[]eventapi.Settled{settled(2, a, b)}, nil, "", []string{"19h 20h", "", "", ""}},
		"and back at once":              {[]eventapi.Settled{settled(2, a, b), settled(4, b, a)}, nil, "", []string{"", "20h 19h", "", ""}},
		"twice at once":                 {[]eventapi.Settled{settled(2, a, b), settled(4, b, c)}, nil, "", []string{"19h 21h", "20h 21h", "", ""}},
		"there and back and there":      {[]eventapi.Settled{settled(2, a, b), settled(4, b, a), settled(6, a, b)}, nil, "", []string{"19h 20h", "", "19h 20h", ""}},
		"cancelled at once":             {[]eventapi.Settled{settled(2, a, b), settled(4, b, facts(off))}, nil, "", []string{"- 19h", "- 20h", "- 20h", "- 20h"}},
		"back while it waits":           {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, a)), waits, []string{"", "20h 19h", "", ""}},
		"twice while it waits":          {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, c)), waits, []string{"19h 21h", "20h 21h", "", ""}},
		"cancelled while it waits":      {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, facts(off))), waits, []string{"- 19h", "- 20h", "- 20h", "- 20h"}},
		"back while it is told":         {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, a)), begun, []string{"20h 19h?", "20h 19h", "", ""}},
		"twice while it is told":        {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, c)), begun, []string{"19h 21h?", "20h 21h", "", ""}},
		"cancelled while it is told":    {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, facts(off))), begun, []string{"19h 20h", "- 20h", "- 20h", "- 20h"}},
		"back, and who knows it":        {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, a)), sent, []string{"20h 19h", "20h 19h", "", ""}},
		"twice, and who knows it":       {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, c)), sent, []string{"20h 21h", "20h 21h", "", ""}},
		"cancelled, and who knows it":   {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, facts(off))), sent, []string{"- 20h", "- 20h", "- 20h", "- 20h"}},
		"back when it was told":         {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, a)), ended, []string{"20h 19h", "20h 19h", "", ""}},
		"cancelled when it was told":    {[]eventapi.Settled{settled(2, a, b)}, new(settled(4, b, facts(off))), ended, []string{"- 20h", "- 20h", "- 20h", "- 20h"}},
		"back, and forth at once":       {[]eventapi.Settled{settled(2, a, b), settled(4, b, a)}, new(settled(6, a, b)), waits, []string{"19h 20h", "", "19h 20h", ""}},
		"back, and forth, some know it": {[]eventapi.Settled{settled(2, a, b), settled(4, b, a)}, new(settled(6, a, b)), begun, []string{"19h 20h", "19h 20h?", "19h 20h", ""}},
	} {
		o := &office{}
		w := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return minute(7) }}
		got, err := w.Due(t.Context(), test.list)
		if err != nil || len(got) != 1 {
			t.Fatal(name, got, err)
		}
		var before *notifyapi.Mailing
		if test.then != nil {
			p := notifyapi.Progress{Mailing: got[0], State: notifyapi.Running}
			switch test.first {
			case waits:
				p.Begins = minute(30)
			case begun, sent:
				before = &p.Mailing
			case ended:
				p.State, p.Ended = notifyapi.Done, minute(3)
			}
			o.mailings = []notifyapi.Progress{p}
			if got, err = w.Due(t.Context(), []eventapi.Settled{*test.then}); err != nil || len(got) != 1 {
				t.Fatal(name, got, err)
			}
		}
		if is := told(&got[0], before, test.first == sent); !slices.Equal(is, test.want) {
			t.Errorf("%s: %q, not %q", name, is, test.want)
		}
	}
}

// Who was shown a time that was taken back, by a reminder or a confirmation while its news
// waited, is told what is so now. Tickets that were held before the change say the new time.
func TestWhatWasReadWhileNewsWaited(t *testing.T) {
	hour := func(n int) notifyapi.Event {
		return notifyapi.Event{Title: "Gala", Starts: starts.Add(time.Duration(n) * time.Hour)}
	}
	minute := func(n int) time.Time { return changedNow.Add(time.Duration(n) * time.Minute) }
	b, c, d := hour(0), hour(1), hour(2)
	known := []notifyapi.Known{{Until: minute(10), Event: b}, {Until: minute(20), Event: c}}
	reminder := func(e notifyapi.Event, sent bool) notifyapi.Shown {
		return notifyapi.Shown{Kind: notifyapi.Reminder, At: minute(30), Event: &e, Sent: sent}
	}
	moved := func(e notifyapi.Event) notifyapi.Shown {
		return notifyapi.Shown{Kind: notifyapi.EventMoved, At: minute(31), Event: &e, Sent: true}
	}
	booked := func(n int) notifyapi.Shown { return notifyapi.Shown{Kind: notifyapi.Booked, At: minute(n), Sent: true} }
	for name, test := range map[string]struct {
		is    notifyapi.Event
		made  int
		shown []notifyapi.Shown
		want  *notifyapi.Event // before; nil: nothing is told
		sure  bool
	}{
		"nothing":                         {b, 5, nil, nil, false},
		"a reminder":                      {b, 5, []notifyapi.Shown{reminder(c, true)}, &c, false},
		"a reminder on its way":           {b, 5, []notifyapi.Shown{reminder(c, false)}, &c, false},
		"a reminder of what is so":        {b, 5, []notifyapi.Shown{reminder(b, true)}, nil, false},
		"a reminder, and another move":    {d, 5, []notifyapi.Shown{reminder(c, true)}, &b, false},
		"a reminder after another move":   {d, 5, []notifyapi.Shown{reminder(d, true)}, &b, true},
		"a reminder, then the change":     {c, 5, []notifyapi.Shown{reminder(b, true), moved(c)}, nil, false},
		"tickets, before":                 {b, 5, []notifyapi.Shown{booked(6)}, nil, false},
		"tickets, paid meanwhile":         {b, 5, []notifyapi.Shown{booked(15)}, &c, false},
		"tickets, again":                  {b, 5, []notifyapi.Shown{booked(6), booked(15)}, &c, false},
		"tickets at that moment":          {b, 5, []notifyapi.Shown{{Kind: notifyapi.Booked, At: minute(20).Add(time.Second), Sent: true}}, &c, false},
		"tickets, when it was over":       {b, 5, []notifyapi.Shown{booked(25)}, nil, false},
		"tickets, bought meanwhile":       {b, 15, []notifyapi.Shown{booked(16)}, &c, true},
		"tickets, paid when it was over":  {b, 15, []notifyapi.Shown{booked(25)}, &c, true},
		"tickets, paid after the change":  {d, 15, []notifyapi.Shown{booked(25)}, &c, true},
		"tickets, paid between two moves": {d, 5, []notifyapi.Shown{booked(15)}, &b, false},
	} {
		m := notifyapi.Mailing{Kind: notifyapi.EventMoved, Data: notifyapi.Data{Event: &test.is, Known: known}}
		n := notifyapi.Notice{Kind: m.Kind}
		told := asKnown(&n, &m, minute(test.made), test.shown)
		if told != (test.want != nil) || told && (!sameWhere(n.Data.Before, test.want) || n.Data.Unsure == test.sure) {
			t.Errorf("%s: told %v, from %+v, unsure %v", name, told, n.Data.Before, n.Data.Unsure)
		}
	}
}

// The mail about money that comes with a cancellation shows the event as it is now. The
// cancellation says what was known before, whichever of them is written first.
func TestRefundsShowNothingToTheCancelled(t *testing.T) {
	knew, is := factsEvent(&eventapi.Facts{Title: "Gala", Date: "2027-05-02"}), factsEvent(&eventapi.Facts{Title: "Gala", Date: "2027-06-03"})
	m := notifyapi.Mailing{Kind: notifyapi.EventCancelled, Data: notifyapi.Data{Event: is, Known: []notifyapi.Known{{Until: changedNow, Event: *knew}}}}
	refunded := notifyapi.Shown{Kind: notifyapi.Refunded, At: changedNow.Add(time.Hour), Sent: true}
	for _, shown := range [][]notifyapi.Shown{nil, {refunded}} {
		var n notifyapi.Notice
		if !asKnown(&n, &m, changedNow.Add(-time.Hour), shown) || !sameWhere(n.Data.Event, knew) || n.Data.Before != nil {
			t.Errorf("%+v: %+v", shown, n.Data)
		}
	}
}

// A mailbox that is full for days keeps a mailing running. Who got its mail knows what it
// said, and the next news waits as usual, though the event was to begin on a day that is past.
func TestOneFullMailbox(t *testing.T) {
	now := changedNow
	o := &office{}
	w := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return now }}
	a, b, c, d := facts(func(f *eventapi.Facts) { f.StartsAt = now.Add(-24 * time.Hour).UnixMicro() }), facts(nil), facts(at(time.Hour)), facts(at(2*time.Hour))
	p := notifyapi.Progress{State: notifyapi.Running, Created: now.Add(-48 * time.Hour), Complete: true, Total: 2, Counts: map[string]int64{"sent": 1, "queued": 1}}
	p.ID, p.Kind, p.EventID, p.MadeUntil = "moved/e/2", notifyapi.EventMoved, "e", now.Add(-48*time.Hour)
	p.Data.Before, p.Data.Event = factsEvent(&a), factsEvent(&b)
	o.mailings = []notifyapi.Progress{p}
	due := func(n int64, was, is eventapi.Facts) notifyapi.Mailing {
		t.Helper()
		ch := changeOf(n, was, is)
		ch.At = now
		list, err := w.Due(t.Context(), []eventapi.Settled{ch})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	next := due(3, b, c)
	if !next.Begins.IsZero() {
		t.Errorf("two days later it waits until %v", next.Begins)
	}
	for was, shown := range map[eventapi.Facts][]notifyapi.Shown{a: nil, b: {{Kind: p.Kind, At: p.Created, Event: p.Data.Event, Sent: true}}} {
		n := notifyapi.Notice{Kind: next.Kind}
		if !asKnown(&n, &next, now.Add(-72*time.Hour), shown) || n.Data.Unsure || !sameWhere(n.Data.Before, factsEvent(&was)) {
			t.Errorf("%+v", n.Data)
		}
	}
	o.mailings[0].State, o.mailings[0].Ended = notifyapi.Stopped, now
	o.mailings = slices.Insert(o.mailings, 0, notifyapi.Progress{Mailing: next, State: notifyapi.Running, Created: now, Complete: true, Total: 2, Counts: p.Counts})
	now = now.Add(3 * time.Minute)
	if next = due(4, c, d); !next.Begins.Equal(now.Add(firstWait)) {
		t.Errorf("the next one begins %v", next.Begins)
	}
}

// However often an event is changed while news waits, the mailing stays small, and nobody
// is left out.
func TestManyStatesOfAnEvent(t *testing.T) {
	m := notifyapi.Mailing{Kind: notifyapi.EventMoved}
	for i := range 100 {
		was, is := facts(at(time.Duration(i)*time.Minute)), facts(at(time.Duration(i+1)*time.Minute))
		next := notifyapi.Mailing{Kind: notifyapi.EventMoved, MadeUntil: changedNow.Add(time.Duration(i) * time.Second)}
		next.Data.Before, next.Data.Event = factsEvent(&was), factsEvent(&is)
		if i > 0 {
			follow(&next, &m)
		}
		m = next
	}
	if len(m.Data.Known) != mostKnown || !m.Data.Before.Starts.Equal(starts) {
		t.Errorf("%d states, from %v", len(m.Data.Known), m.Data.Before)
	}
	for i := range m.Data.Known {
		if k := &m.Data.Known[i]; (k.Told != nil) != (i == 1) || k.Told != nil && sameWhere(k.Told, &k.Event) {
			t.Errorf("state %d: %v, then %v", i, k.Event.Starts, k.Told)
		}
	}
	for i := range 100 {
		if n := (notifyapi.Notice{}); !asKnown(&n, &m, changedNow.Add(time.Duration(i)*time.Second), nil) || n.Data.Before == nil {
			t.Errorf("order %d: %+v", i, n.Data)
		}
	}
}

// News does not wait shortly before an event begins, or was to begin: people are on their
// way. Only the day may be known.
func TestNoWaitShortlyBefore(t *testing.T) {
	day := func(date string) *notifyapi.Event { return &notifyapi.Event{Date: date, Zone: "Europe/Berlin"} }
	in := func(d time.Duration) *notifyapi.Event { return &notifyapi.Event{Starts: changedNow.Add(d)} }
	others := []notifyapi.Progress{{State: notifyapi.Done, Created: changedNow, Ended: changedNow, Total: 1, Complete: true}}
	for _, test := range []struct {
		was, is *notifyapi.Event
		want    time.Duration
	}{
		{in(1000 * time.Hour), in(999 * time.Hour), firstWait},
		{in(3 * time.Hour), in(999 * time.Hour), firstWait},
		{in(90 * time.Minute), in(999 * time.Hour), 0},
		{in(-time.Minute), in(999 * time.Hour), 0},
		{in(999 * time.Hour), in(90 * time.Minute), 0},
		{day("2027-02-01"), in(999 * time.Hour), 0},
		{day("2027-02-02"), day(""), firstWait},
		{day("2027-03-02"), day(""), firstWait},
	} {
		m := &notifyapi.Mailing{Kind: notifyapi.EventMoved, Data: notifyapi.Data{Before: test.was, Event: test.is}}
		if got := begins(m, others, changedNow); got.IsZero() != (test.want == 0) || !got.IsZero() && got.Sub(changedNow) != test.want {
			t.Errorf("from %v to %v: %v", test.was, test.is, got)
		}
	}
	m := &notifyapi.Mailing{Kind: notifyapi.EventMoved, Data: notifyapi.Data{Before: in(999 * time.Hour), Event: in(998 * time.Hour)}}
	m.Data.Known = []notifyapi.Known{{Event: *in(999 * time.Hour)}, {Event: *in(time.Hour)}}
	if got := begins(m, others, changedNow); !got.IsZero() {
		t.Errorf("some know another time: %v", got)
	}
}

// till is one order of a guest whose address is corrected after its owner's address was read.
type till struct {
	HolderBookings
	ToldBookings
	email, token string
}

func (w *till) order() bookingapi.Booking {
	return bookingapi.Booking{ID: "b", UserID: "gus", OrganizerID: "o", Status: bookingapi.Booked}
}
func (w *till) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) {
	return []bookingapi.Booking{w.order()}, nil
}
func (w *till) Orders(_ context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error) {
	return []bookingapi.Order{{Booking: list[0]}}, nil
}
func (w *till) Recipients(context.Context, []string) (map[string]bookingapi.Recipient, error) {
	return nil, nil
}
func (w *till) Latest(context.Context, []string) (map[string]paymentapi.Payment, error) {
	return nil, nil
}
func (w *till) Shown(context.Context, []string, time.Time) (map[string][]notifyapi.Shown, error) {
	return nil, nil
}

func (w *till) People(context.Context, []string) (map[string]caller.Person, error) {
	out := map[string]caller.Person{"gus": {Email: w.email}}
	w.email, w.token = "right@example.org", "new" // desk.correct: RenewLink, CorrectAddress
	return out, nil
}

// Only HolderBookings and ToldBookings have it, too.
type tillLinks struct{ *till }

func (w tillLinks) Links(context.Context, []string) (map[string]string, error) {
	return map[string]string{"b": "/orders/b?token=" + w.token}, nil
}

// A page of a mailing that is read while an address is corrected has no link that works with
// the address that was corrected away.
func TestNoNewLinkToAnOldAddress(t *testing.T) {
	w := &till{email: "typo@example.org", token: "old"}
	h := Holders{Bookings: tillLinks{w}, Payments: w, People: w, Letters: w}
	list, _, err := h.Page(t.Context(), &notifyapi.Mailing{Kind: notifyapi.EventCancelled, EventID: "e", Data: notifyapi.Data{Event: &notifyapi.Event{}}}, "", 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if n := list[0]; n.To == "typo@example.org" && n.Data.Link == "/orders/b?token=new" {
		t.Errorf("to %s: %s", n.To, n.Data.Link)
	}
}

// A change whose message could not be handled for a while is not told after a later one.
func TestOldChangesAreNotTold(t *testing.T) {
	o := &office{}
	w := &Changes{Sales: o, Mailings: o, Now: func() time.Time { return changedNow }}
	a, b, c := facts(nil), facts(at(time.Hour)), facts(at(2*time.Hour))
	p := notifyapi.Progress{State: notifyapi.Done, Created: changedNow.Add(-26 * time.Hour), Ended: changedNow.Add(-26 * time.Hour), Total: 1000, Complete: true}
	p.ID, p.Kind, p.EventID = "moved/e/3", notifyapi.EventMoved, "e"
	p.Data.Before, p.Data.Event = factsEvent(&b), factsEvent(&c)
	o.mailings = []notifyapi.Progress{p}
	list, err := w.Due(t.Context(), []eventapi.Settled{changeOf(2, a, b)})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		t.Errorf("%s tells that it begins %v; since version 3, which was told, it begins %v", m.ID, m.Data.Event.Starts, factsEvent(&c).Starts)
	}
}

// What went to another address is perhaps read, perhaps not.
func TestReadAtAnotherAddress(t *testing.T) {
	list := readBy("ann@example.org", []notifyapi.Shown{{To: "Ann@example.org", Sent: true}, {To: "typo@example.org", Sent: true}, {To: "ann@example.org"}})
	if !list[0].Sent || list[1].Sent || list[2].Sent {
		t.Errorf("%+v", list)
	}
}
