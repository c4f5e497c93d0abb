package bookingapi

import (
	"slices"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
)

// CancelFee is what the organizer keeps of a seat's price when its buyer cancels it from
// some time on: a rate of the price and a fixed amount, together at most the price.
type CancelFee struct {
	From  int64 `json:"from,omitempty"`  // µs since 1970; 0: always
	Rate  int64 `json:"rate,omitempty"`  // hundredths of a percent of the all-in price
	Fixed int64 `json:"fixed,omitempty"` // minor units for each seat
}

// Of is what is kept of a price.
func (f CancelFee) Of(price int64) int64 {
	return min(price, money.Share(price, f.Rate, money.HalfUp)+f.Fixed)
}

// CancelTerms say what is kept of the seats that buyers cancel. Until the first fee
// begins nothing is.
type CancelTerms struct {
	Fees    []CancelFee    `json:"fees,omitempty"`    // by From, ascending
	Earlier []EarlierTerms `json:"earlier,omitempty"` // terms that were replaced while there were fees in them or in the new ones
}

// EarlierTerms are terms that were in force before. Bookings made until then keep them,
// and cancel by whichever terms are better for their buyer.
type EarlierTerms struct {
	Until int64       `json:"until"`         // µs since 1970: when they were replaced
	End   int64       `json:"end,omitempty"` // µs since 1970: deadline for giving seats back; 0: none
	Fees  []CancelFee `json:"fees,omitempty"`
}

// IsZero reports whether nothing was ever kept.
func (t CancelTerms) IsZero() bool { return len(t.Fees) == 0 && len(t.Earlier) == 0 }

// MaxEarlierTerms is how often an event's terms may change while the replaced ones still
// matter to somebody.
const MaxEarlierTerms = 20

// BackUntil is what goes back for seats that are cancelled before a time.
type BackUntil struct {
	Until  int64 // µs since 1970; 0: for good
	Amount int64 // minor units
}

// Cancelling are the terms under which one booking can be cancelled by its buyer.
type Cancelling struct{ terms []EarlierTerms }

// CancellingOf are the terms for a booking that was made at a time (µs since 1970): the
// event's, those in force when it was made or since, and after the event was moved or
// its deadline shortened, the promise of a full refund until then. Of a cancelled event
// everything goes back, whoever is faster: its buyers, or the job that cancels all bookings.
func (s *Sale) CancellingOf(createdAt int64) Cancelling {
	if s.Status == eventapi.Cancelled {
		return Cancelling{[]EarlierTerms{{}}}
	}
	list := []EarlierTerms{{End: s.RefundsEnd, Fees: s.Terms.Fees}}
	if s.ChangedAt != 0 && createdAt <= s.ChangedAt {
		list = append(list, EarlierTerms{End: s.ChangeRefundsEnd})
	}
	for _, t := range s.Terms.Earlier {
		if createdAt <= t.Until {
			list = append(list, t)
		}
	}
	return Cancelling{list}
}

// End is until when seats can be cancelled, in µs since 1970; 0: there is no deadline.
func (c Cancelling) End() (end int64) {
	for i, t := range c.terms {
		if t.End == 0 {
			return 0
		}
		if i == 0 || t.End > end {
			end = t.End
		}
	}
	return end
}

// Open reports whether seats can be cancelled at a time, in µs since 1970.
func (c Cancelling) Open(now int64) bool {
	end := c.End()
	return end == 0 || now < end
}

// Kept is what is kept of a seat's price at a time, by the terms that are best for the
// buyer: all of it after the end.
func (c Cancelling) Kept(price, now int64) int64 {
	least := price
	for _, t := range c.terms {
		if t.End == 0 || now < t.End {
			least = min(least, keptBy(t.Fees, price, now))
		}
	}
	return least
}

func keptBy(fees []CancelFee, price, now int64) int64 {
	kept := int64(0)
	for _, f := range fees {
		if f.From <= now {
			kept = f.Of(price)
		}
	}
	return kept
}

// Free reports whether nothing is ever kept until the end.
func (c Cancelling) Free() bool {
	end := c.End()
	for _, t := range c.terms {
		if t.End == end && len(t.Fees) == 0 {
			return true
		}
	}
	return false
}

// Back lists what goes back for seats with these prices, from now on: it ends with the
// deadline, if there is one.
func (c Cancelling) Back(prices []int64, now int64) []BackUntil {
	end := c.End()
	times := []int64{end}
	for _, t := range c.terms {
		times = append(times, t.End)
		for _, f := range t.Fees {
			times = append(times, f.From)
		}
	}
	times = slices.DeleteFunc(times, func(t int64) bool { return t <= now || end != 0 && t > end })
	slices.Sort(times)
	times = slices.Compact(times)
	if end == 0 {
		times = append(times, 0)
	}
	var list []BackUntil
	for _, until := range times {
		amount := int64(0)
		for _, p := range prices {
			amount += p - c.Kept(p, now)
		}
		if n := len(list); n > 0 && list[n-1].Amount == amount {
			list[n-1].Until = until
		} else {
			list = append(list, BackUntil{Until: until, Amount: amount})
		}
		now = until
	}
	return list
}
