package eventapi

import (
	"strings"
	"testing"
	"time"
)

// Only actions that are possible in the sale's current state are offered.
func TestSaleActions(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Status: "draft"}, "publish"},
		{Event{Status: "published"}, "open-now"},
		{Event{Status: "published", Opens: now.Add(time.Hour)}, "open open-now"},
		{Event{Status: "on_sale", Opens: now.Add(time.Hour), Free: 1}, "open-now pause"},
		{Event{Status: "on_sale", Free: 1}, "pause close"},
		{Event{Status: "on_sale", Closes: now.Add(-time.Hour), Free: 1}, "open-now pause"},
		{Event{Status: "cancelled"}, ""}, {Event{Status: "past"}, ""},
	} {
		var got []string
		for _, action := range c.e.SaleActions(now) {
			got = append(got, string(action))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v, want %s", c.e, got, c.want)
		}
	}
}

// "As scheduled" is offered only if the sale opens later.
func TestOpenAsScheduled(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for opens, want := range map[time.Time]SaleAction{{}: OpenNow, now.Add(-time.Hour): OpenNow, now: OpenNow, now.Add(time.Hour): Open} {
		if got := Open.At(now, &Event{Opens: opens}); got != want {
			t.Errorf("opens %v: %s, want %s", opens, got, want)
		}
	}
	if got := Pause.At(now, &Event{}); got != Pause {
		t.Errorf("pausing became %s", got)
	}
}
