package list

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/ticket"
)

const event = "06a1b2c3d4e5f6g7"

// office has an event with few seats, its ledger and its issues.
type office struct {
	plan   int64
	seats  []string // bookings
	ledger []ledger.Entry
	issues []checkinapi.SeatIssue // by rev
	reads  int                    // of all seats
}

func (o *office) Sold(context.Context, string) (bookingapi.SoldSeats, error) {
	o.reads++
	return bookingapi.SoldSeats{Seq: int64(len(o.ledger)), PlanID: "plan", PlanVersion: o.plan, Bookings: append([]string(nil), o.seats...)}, nil
}

func (o *office) Holders(_ context.Context, _ string, seats []int32) (map[int32]string, error) {
	if len(seats) == 0 || len(seats) > bookingapi.MaxHolders {
		return nil, fmt.Errorf("holders of %d seats", len(seats))
	}
	found := map[int32]string{}
	for _, seat := range seats {
		if o.seats[seat] != "" {
			found[seat] = o.seats[seat]
		}
	}
	return found, nil
}

func (o *office) Entries(_ context.Context, _ string, after int64, limit int) ([]ledger.Entry, error) {
	list := o.ledger[after:]
	return list[:min(limit, len(list))], nil
}

func (o *office) IssueRevs(context.Context, []string) (map[string]int64, error) {
	return map[string]int64{event: int64(len(o.issues))}, nil
}

// IssuesSince returns the seats as they are now, as the service does.
func (o *office) IssuesSince(_ context.Context, _ string, after int64, limit int) (list []checkinapi.SeatIssue, err error) {
	for i, one := range o.issues {
		latest := true
		for _, later := range o.issues[i+1:] {
			latest = latest && (later.Seat != one.Seat || later.BookingID != one.BookingID)
		}
		if one.Rev > after && latest && len(list) < limit {
			list = append(list, one)
		}
	}
	return list, nil
}

func (o *office) write(kind ledger.Kind, booking string, seats ...int32) {
	o.ledger = append(o.ledger, ledger.Entry{EventID: event, Seq: int64(len(o.ledger) + 1), Kind: kind, BookingID: booking, Seats: seats})
}

// change makes one change of the sales or the issues, if it is possible.
func (o *office) change(t *rapid.T, n int) {
	seat := int32(rapid.IntRange(0, len(o.seats)-1).Draw(t, "seat"))
	other := int32(rapid.IntRange(0, len(o.seats)-1).Draw(t, "other"))
	booking := o.seats[seat]
	switch what := rapid.SampledFrom([]string{"sell", "sell", "hold", "cancel", "move", "replace", "replace", "plan"}).Draw(t, "what"); {
	case what == "sell" && booking == "":
		o.seats[seat] = id.Booking(event, "fan", fmt.Sprint(n))
		o.write(ledger.Held, o.seats[seat], seat)
		o.write(ledger.Booked, o.seats[seat], seat)
	case what == "hold" && booking == "":
		o.write(ledger.Held, id.Booking(event, "fan", fmt.Sprint(n)), seat)
	case what == "cancel" && booking != "":
		o.seats[seat] = ""
		o.write(ledger.Cancelled, booking, seat)
	case what == "move" && booking != "" && o.seats[other] == "":
		o.seats[seat], o.seats[other] = "", booking
		o.write(ledger.Swapped, booking, other)
	case what == "replace" && booking != "":
		number := uint16(1)
		for _, one := range o.issues {
			if one.Seat == seat && one.BookingID == booking {
				number = one.Number + 1
			}
		}
		o.issues = append(o.issues, checkinapi.SeatIssue{BookingID: booking, Seat: seat, Issue: checkinapi.Issue{Number: number, Rev: int64(len(o.issues) + 1)}})
	case what == "plan":
		for seat := range o.seats { // it changes only while nothing is sold
			if o.seats[seat] != "" {
				return
			}
		}
		o.plan++
		o.write(ledger.Sale, "")
	}
}

// A list that follows what changes is the same as one that is made anew, and the lists
// before it stay as they were.
func TestFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &office{plan: 1, seats: make([]string, 8)}
		var kept *Tickets
		var old []*ticket.List
		var were []ticket.List
		for n := range rapid.IntRange(1, 40).Draw(t, "changes") {
			o.change(t, n)
			if rapid.IntRange(0, 2).Draw(t, "look") > 0 {
				continue
			}
			now := time.UnixMicro(int64(n))
			anew, err := Make(t.Context(), o, o, event, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err = Make(t.Context(), o, o, event, kept, now); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(kept.List, anew.List) || !reflect.DeepEqual(kept.Bookings, anew.Bookings) || kept.PlanID != anew.PlanID {
				t.Fatalf("followed:\n%+v\nanew:\n%+v", kept, anew)
			}
			for i := range old {
				if !reflect.DeepEqual(*old[i], were[i]) {
					t.Fatal("a list from before has changed")
				}
			}
			copied := *kept.List
			copied.Seats = append([]ticket.Digest(nil), copied.Seats...)
			old, were = append(old, kept.List), append(were, copied)
		}
	})
}

// Few changes are read seat by seat; after many, all seats are read.
func TestReads(t *testing.T) {
	o := &office{plan: 1, seats: make([]string, most+1)}
	kept, err := Make(t.Context(), o, o, event, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sold, reads int }{{0, 0}, {1, 0}, {most - 1, 0}, {most, 1}} {
		for i := range c.sold {
			o.seats[i] = id.Booking(event, "fan", fmt.Sprint(c.sold, i))
			o.write(ledger.Booked, o.seats[i], int32(i))
		}
		o.reads = 0
		if kept, err = Make(t.Context(), o, o, event, kept, time.Now()); err != nil || o.reads != c.reads || kept.List.LedgerSeq != int64(len(o.ledger)) || c.sold > 0 && kept.Bookings[c.sold-1] != o.seats[c.sold-1] {
			t.Errorf("%d sold: all seats were read %d times, up to %d: %v", c.sold, o.reads, kept.List.LedgerSeq, err)
		}
	}
}
