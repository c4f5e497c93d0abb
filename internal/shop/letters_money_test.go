package shop

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

// ledgers are two ledgers of 200 entries, and what was read of them.
type ledgers struct {
	ToldBookings
	read []string
}

func (l *ledgers) Entries(_ context.Context, eventID string, after int64, limit int) (list []ledger.Entry, err error) {
	l.read = append(l.read, fmt.Sprintf("%s:%d-%d", eventID[len(eventID)-1:], after+1, after+int64(limit)))
	for seq := after + 1; seq <= min(200, after+int64(limit)); seq++ {
		list = append(list, ledger.Entry{EventID: eventID, Seq: seq, Kind: ledger.Cancelled})
	}
	return list, nil
}

// The entries of many refunds are read in a few reads, and each is found.
func TestEntriesOfRefundsAreReadTogether(t *testing.T) {
	l := &ledgers{}
	one, two := id.Booking("0000000000000001", "u", ""), id.Booking("0000000000000002", "u", "")
	var list []paymentapi.Return
	for _, seq := range []int64{100, 5, 7, 6, 0, 23, 40, 57, 0} {
		list = append(list, paymentapi.Return{PaymentID: one + "-1", Seq: seq})
	}
	list = append(list, paymentapi.Return{PaymentID: two + "-1", Seq: 6})
	found, err := (&Letters{Bookings: l}).cancelled(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if e, ok := found[paymentapi.RefundID(id.Event(r.BookingID()), r.Seq)]; ok != (r.Seq > 0) || e.Seq != r.Seq {
			t.Errorf("%+v: %+v", r, e)
		}
	}
	if slices.Sort(l.read); !slices.Equal(l.read, []string{"1:100-100", "1:40-40", "1:5-23", "1:57-57", "2:6-6"}) {
		t.Errorf("%v", l.read)
	}
}
