package shop

import (
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// The notice of a gift has another id only when it is to be mailed again.
func TestGiftIsToldAgainWhenWanted(t *testing.T) {
	gift := func(email, link string, turn int64) *bookingapi.Gift {
		return &bookingapi.Gift{Booking: bookingapi.Booking{ID: "b"}, To: bookingapi.Recipient{Person: caller.Person{Email: email}, Turn: turn}, Link: link}
	}
	first := giftID(gift("ada@example.org", "/orders/b?token=1", 1))
	if again := giftID(gift("ada@example.org", "/orders/b?token=1", 1)); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	for _, other := range []*bookingapi.Gift{gift("bob@example.org", "/orders/b?token=1", 1), gift("ada@example.org", "/orders/b?token=2", 1), gift("ada@example.org", "/orders/b?token=1", 2)} {
		if giftID(other) == first {
			t.Errorf("%+v has the id of another mail", other)
		}
	}
}
