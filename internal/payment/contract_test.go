package payment

import (
	"testing"
	"time"

	"boxoffice/internal/paymentapi"
	"boxoffice/internal/paymentapi/paymenttest"
)

// contractBookings makes bookings for the contract suite.
type contractBookings struct {
	house *house
	seat  int32
}

func (b *contractBookings) Event() (id, organizerID string) { return event1, organizer.UserID }

func (b *contractBookings) Hold(userID string, seats int) string {
	list := make([]int32, seats)
	for i := range list {
		list[i] = b.seat
		b.seat++
	}
	return b.house.hold(userID, list...).ID
}

func (b *contractBookings) GiveBack(bookingID string) { b.house.cancel(bookingID, 5000) }

func TestContract(t *testing.T) {
	paymenttest.Test(t, func(t *testing.T) (paymentapi.Service, paymenttest.Bookings) {
		w := newWorld(t)
		w.bank.slow = time.Hour
		w.patience = 3 * time.Second // only slow payments last as long
		w.runs()
		return w.Service, &contractBookings{house: w.house}
	})
}
