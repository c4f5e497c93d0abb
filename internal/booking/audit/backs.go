package audit

import (
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
)

// compareBacks checks what went back for the seats of a booking: all that they had cost,
// or what the terms leave of it, but no more than was left; or nothing, when they were
// not paid. What may be kept goes into the bill.
func (r *replay) compareBacks(p *priceList, b *told) error {
	if b.bill == nil {
		return nil
	}
	left, missing := b.bill.Amount, int64(0)
	for _, back := range b.backs {
		var full, owed int64
		for _, seat := range back.seats {
			price, _ := p.total([]int32{seat})
			full += price
			owed += price - leastKept(back.sale, b.CreatedAt, back.at, price)
		}
		full, owed = min(full, left), min(owed, left)
		switch {
		case len(back.seats) == 0, back.amount == full, back.amount == owed:
		case back.amount == 0:
			missing += full // no longer there to be kept: the payment must not have been taken
		default:
			return r.differ("ledger entry %d gives back %d for booking %s, but its seats had cost %d, of which its terms give back %d", back.seq, back.amount, b.ID, full, owed)
		}
		left -= back.amount
	}
	b.bill.Kept = max(0, left-missing)
	return nil
}

// leastKept returns how much of the price is kept when a seat is given back at a time. Of
// the terms in force then, and those in force since it was bought, the mildest count. Of a
// cancelled event nothing is kept.
func leastKept(sale *bookingapi.Sale, bought, at, price int64) int64 {
	if sale.Status == eventapi.Cancelled {
		return 0
	}
	least := price
	offer := func(end int64, fees []bookingapi.CancelFee) {
		if end != 0 && at >= end {
			return
		}
		kept := int64(0)
		for _, f := range fees {
			if at >= f.From {
				kept = min(price, (price*f.Rate+5_000)/10_000+f.Fixed)
			}
		}
		least = min(least, kept)
	}
	offer(sale.RefundsEnd, sale.Terms.Fees)
	if sale.ChangedAt != 0 && bought <= sale.ChangedAt {
		offer(sale.ChangeRefundsEnd, nil)
	}
	for _, t := range sale.Terms.Earlier {
		if bought <= t.Until {
			offer(t.End, t.Fees)
		}
	}
	return least
}
