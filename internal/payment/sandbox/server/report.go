package server

import (
	"maps"
	"slices"
	"strings"

	"boxoffice/internal/payment/sandbox/wire"
)

// Books are the gateway's view of all money, in minor units.
type Books struct {
	Currencies map[string]Sums `json:"currencies"`
	Payable    []Balance       `json:"payable"` // what was not paid out yet
	Charges    []Entry         `json:"charges"` // by name
}

// Sums are the movements of a currency.
type Sums struct {
	Charges   int64 `json:"charges"`   // how many there are
	Reserved  int64 `json:"reserved"`  // authorized, and neither captured nor released
	Captured  int64 `json:"captured"`  // ever
	Refunded  int64 `json:"refunded"`  // ever, without refunds that have failed
	Disputed  int64 `json:"disputed"`  // ever
	WonBack   int64 `json:"won_back"`  // of what was disputed
	Fees      int64 `json:"fees"`      // what the gateway kept
	PaidOut   int64 `json:"paid_out"`  // to bank accounts
	Payable   int64 `json:"payable"`   // captured − refunded − disputed + won back − fees − paid out
	Movements int64 `json:"movements"` // how many there are
}

// Balance is money that is to be paid out.
type Balance struct {
	Account  string `json:"account,omitempty"` // of an organizer; "": of the ticket office
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
}

// Entry is a charge in the books.
type Entry struct {
	Charge    string         `json:"charge"` // the client's name of it
	Reference string         `json:"reference"`
	Status    wire.Status    `json:"status"`
	Currency  string         `json:"currency"`
	Amount    int64          `json:"amount"`
	Captured  int64          `json:"captured"`
	Refunds   []wire.Refund  `json:"refunds,omitempty"`
	Disputes  []wire.Dispute `json:"disputes,omitempty"`
}

// ReadBooks reads the books from a gateway's data folder, also while it works.
func ReadBooks(dir string) (Books, error) {
	b, err := readBook(dir)
	if err != nil {
		return Books{}, err
	}
	return b.report(), nil
}

func (b *book) report() Books {
	r := b.sums()
	r.Charges = make([]Entry, 0, len(b.charges))
	for _, name := range slices.Sorted(maps.Keys(b.charges)) {
		c := b.charges[name]
		e := Entry{Charge: name, Reference: c.ID, Status: c.Status, Currency: c.Currency, Amount: c.Amount, Captured: c.Captured, Refunds: slices.Clone(c.Refunds), Disputes: slices.Clone(c.Disputes)}
		r.Charges = append(r.Charges, e)
	}
	return r
}

// sums is the report without the charges.
func (b *book) sums() Books {
	r := Books{Currencies: map[string]Sums{}, Payable: []Balance{}}
	for _, l := range b.lines {
		s := r.Currencies[l.Currency]
		s.Movements++
		s.Fees += l.Fee
		switch l.Kind {
		case "captured":
			s.Captured += l.Amount
		case "refunded":
			s.Refunded += l.Amount
		case "refund_failed":
			s.Refunded -= l.Amount
		case "disputed":
			s.Disputed += l.Amount
		case "dispute_won":
			s.WonBack += l.Amount
		case "payout":
			s.PaidOut += l.Amount
		}
		r.Currencies[l.Currency] = s
	}
	for _, c := range b.charges {
		s := r.Currencies[c.Currency]
		s.Charges++
		if c.Status == wire.RequiresCapture {
			s.Reserved += c.Amount
		}
		r.Currencies[c.Currency] = s
	}
	for p, amount := range b.balance {
		s := r.Currencies[p.currency]
		s.Payable += amount
		r.Currencies[p.currency] = s
		r.Payable = append(r.Payable, Balance{p.account, p.currency, amount})
	}
	slices.SortFunc(r.Payable, func(a, b Balance) int {
		return strings.Compare(a.Account+" "+a.Currency, b.Account+" "+b.Currency)
	})
	return r
}
