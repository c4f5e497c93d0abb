package shop

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
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
	if list := due(changeOf(2, a, b), changeOf(3, b, a)); len(list) != 0 {
		t.Errorf("and back: %+v", list)
	}
	if list := due(changeOf(2, a, b), changeOf(3, b, facts(off))); len(list) != 1 || list[0].ID != "cancelled/e" || !list[0].Data.Event.Starts.Equal(starts.Add(time.Hour)) {
		t.Errorf("cancelled: %+v", list)
	}
	running := func(state notifyapi.MailingState) []notifyapi.Progress {
		p := notifyapi.Progress{State: state}
		p.ID, p.Kind, p.Data.Before = "moved/e/2", notifyapi.EventMoved, factsEvent(&a)
		return []notifyapi.Progress{{Mailing: notifyapi.Mailing{ID: "x", Kind: notifyapi.Reminder}}, p}
	}
	for state, want := range map[notifyapi.MailingState]time.Time{notifyapi.Running: starts, notifyapi.Done: starts.Add(time.Hour), notifyapi.Stopped: starts.Add(time.Hour)} {
		o.mailings = running(state)
		if list := due(changeOf(3, b, d)); len(list) != 1 || !list[0].Data.Before.Starts.Equal(want) {
			t.Errorf("the mailing before is %s: %+v", state, list)
		}
	}
	o.mailings = running(notifyapi.Running)
	if list := due(changeOf(3, b, a)); len(list) != 1 || !list[0].Data.Before.Starts.Equal(starts.Add(time.Hour)) {
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
		if !list[0].Revokes {
			o.mailings = slices.Insert(o.mailings, 0, notifyapi.Progress{Mailing: list[0], State: notifyapi.Running, Created: now})
		}
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
	if change(20, back); o.mailings[0].State != notifyapi.Stopped || len(o.mailings) != 12 {
		t.Errorf("taken back: %+v", o.mailings[0])
	}
	now = now.Add(25 * time.Hour)
	if change(21, facts(nil)); !o.mailings[0].Begins.IsZero() {
		t.Errorf("a day later: %+v", o.mailings[0])
	}
}
