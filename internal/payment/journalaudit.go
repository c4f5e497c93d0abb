package payment

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// sums are what some postings have moved, by account, in minor units.
type sums map[paymentapi.Account]int64

// books are what the journal has of an event.
type books struct {
	moved    map[string]sums   // by payment
	currency map[string]string // of each payment's postings
}

// readBooks adds up an event's journal. wrong is the first fault of the journal itself; ""
// if it has none: debits and credits are equal in each posting, and so at each commit.
func readBooks(ctx context.Context, q sqldb.Querier, eventID string) (b books, wrong string, err error) {
	b = books{map[string]sums{}, map[string]string{}}
	for p, err := range Postings(ctx, q, eventID, time.Time{}, time.Time{}) {
		var bad unreadable
		switch {
		case errors.As(err, &bad):
			return b, bad.Error(), nil
		case err != nil:
			return b, "", err
		case len(p.Lines) == 0:
			continue
		}
		var sum int64
		to := b.moved[p.PaymentID]
		if to == nil {
			to = sums{}
			b.moved[p.PaymentID] = to
		}
		for _, l := range p.Lines {
			sum += l.Amount
			to[l.Account] += l.Amount
		}
		if sum != 0 && wrong == "" {
			wrong = fmt.Sprintf("posting %s of payment %s in the journal does not balance: %d %s are missing", p.Step, p.PaymentID, -sum, p.Currency)
		}
		if was, ok := b.currency[p.PaymentID]; ok && was != p.Currency && wrong == "" && p.PaymentID != "" {
			wrong = fmt.Sprintf("the journal has payment %s in %s and in %s", p.PaymentID, was, p.Currency)
		}
		b.currency[p.PaymentID] = p.Currency
	}
	return b, wrong, nil
}

// Journal says what is wrong with the journal of an event in a snapshot of the database:
// whether debits and credits are equal, and whether it says of each payment what its row
// says; "" if nothing is. Of no event ("") are payouts. A payment that a program has
// changed which keeps no journal is left out until it is posted late (see postLate).
func Journal(ctx context.Context, q sqldb.Querier, eventID string) (wrong string, err error) {
	b, wrong, err := readBooks(ctx, q, eventID)
	if err != nil || wrong != "" || eventID == "" { // of no event are payouts
		return wrong, err
	}
	err = Ledger(ctx, q, eventID, func(r Row) error {
		if text := b.compare(&r); text != "" && wrong == "" && r.Posted {
			wrong = text
		}
		delete(b.moved, r.ID)
		return nil
	})
	if id, ok := least(b.moved, func(id string, _ sums) bool { return id != "" }); ok && wrong == "" {
		wrong = fmt.Sprintf("the journal has payment %s, which does not exist", id)
	}
	return wrong, err
}

// compare compares a payment's row with the journal.
func (b *books) compare(r *Row) string {
	moved, wants := b.moved[r.ID], r.accounts()
	wants[paymentapi.AccountGatewayFees] = moved[paymentapi.AccountGatewayFees] // only the gateway knows
	wants[paymentapi.AccountGateway] -= moved[paymentapi.AccountGatewayFees]
	if r.Transferred < 0 || r.Transferred > 0 && (r.Account == "" || r.Transferred > r.Amount-r.Fees+r.Tax) { // less than is the organizer's if an older program has changed it
		return fmt.Sprintf("payments.transferred of %s is %d %s to account %q, but only %d is the organizer's", r.ID, r.Transferred, r.Currency, r.Account, r.Amount-r.Fees+r.Tax)
	}
	if r.ExcessBack < min(r.Excess, 0) || r.ExcessBack > max(r.Excess, 0) {
		return fmt.Sprintf("payments.excess_back of %s is %d %s, but payments.excess is %d", r.ID, r.ExcessBack, r.Currency, r.Excess)
	}
	for _, name := range paymentapi.Accounts {
		if is := moved[name]; is != wants[name] {
			return fmt.Sprintf("the journal has %d %s of payment %s in account %s, but by its row, which is %s, it is %d", is, r.Currency, r.ID, name, r.Status, wants[name])
		}
	}
	if c := b.currency[r.ID]; c != "" && c != r.Currency {
		return fmt.Sprintf("the journal has payment %s in %s, but its row in %s", r.ID, c, r.Currency)
	}
	return ""
}

// accounts is what a payment should have moved. It is computed apart from
// record.balance, which it checks.
func (r *Row) accounts() sums {
	if r.Status == paymentapi.Returning {
		return sums{paymentapi.AccountGateway: r.Amount + r.Excess, paymentapi.AccountBuyer: -r.Amount - r.Excess}
	}
	if !r.Took() {
		return sums{paymentapi.AccountGateway: -r.Disputed, paymentapi.AccountChargebacks: r.Disputed} // once more than it has given back
	}
	kept := func(part int64) int64 { // what is left of a part once its share of the refunds is gone, rounded down
		if r.Amount == 0 {
			return 0
		}
		share := new(big.Int).Mul(big.NewInt(part), big.NewInt(r.Refunded))
		return part - share.Quo(share, big.NewInt(r.Amount)).Int64()
	}
	fee, tax := r.Fees-r.Tax, r.Tax
	s := sums{
		paymentapi.AccountGateway:     r.Amount - r.Refunded - r.Disputed - r.Transferred + r.Excess - r.ExcessBack,
		paymentapi.AccountTransferred: r.Transferred,
		paymentapi.AccountDifference:  r.ExcessBack - r.Excess,
		paymentapi.AccountOrganizer:   r.Fees - r.Amount,
		paymentapi.AccountFees:        -kept(fee),
		paymentapi.AccountTax:         -kept(tax),
		paymentapi.AccountChargebacks: r.Disputed,
	}
	var sum int64
	for _, n := range s {
		sum += n
	}
	s[paymentapi.AccountRefunds] = -sum
	return s
}
