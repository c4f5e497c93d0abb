package paymentapi

import (
	"context"
	"time"

	"boxoffice/internal/caller"
)

// FindingKind is a kind of discrepancy between the payment gateway, the payments and the
// journal. Package payment/reconcile has the list.
type FindingKind string

// Finding is one discrepancy.
type Finding struct {
	Kind      FindingKind `json:"kind"`
	Says      string      `json:"says"` // the kind in English
	PaymentID string      `json:"payment_id,omitempty"`
	BookingID string      `json:"booking_id,omitempty"`
	Line      string      `json:"line,omitempty"`      // the gateway's name of the movement
	Charge    string      `json:"charge,omitempty"`    // as the gateway knows it
	Reference string      `json:"reference,omitempty"` // the gateway's name of the charge
	Refund    string      `json:"refund,omitempty"`    // the refund's id
	Gateway   string      `json:"gateway,omitempty"`   // that the payment was begun with, if it is another one than this program's
	Amount    int64       `json:"amount"`              // minor units: what the gateway, or the journal, says
	Expected  int64       `json:"expected"`            // minor units: what the payment's row says
	Currency  string      `json:"currency,omitempty"`
	At        time.Time   `json:"at"`
}

// DaySum is the money of one currency on a day, in minor units, as the gateway lists it.
type DaySum struct {
	Currency   string `json:"currency"`
	Captured   int64  `json:"captured"`
	Refunded   int64  `json:"refunded"`
	Disputed   int64  `json:"disputed"`
	DisputeWon int64  `json:"dispute_won"`
	Payout     int64  `json:"payout"`
	Fees       int64  `json:"fees"`
}

// DayReport is what came of comparing the gateway's list of a day with the payments and
// the journal.
type DayReport struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`       // exclusive; earlier than the day's end if the day is not over
	Lines    int64     `json:"lines"`    // of the gateway, each once
	Payments int64     `json:"payments"` // whose movements were compared
	Postings int64     `json:"postings"` // of the journal
	Asked    int64     `json:"asked"`    // payments that the gateway was asked about meanwhile
	// Explained counts the gateway's lines by how they are explained: by their kind if the
	// payment's row has the same, else as late (recorded later than the gateway did it),
	// returned (of a payment that was given up), under-way, voided or payout.
	Explained map[string]int64      `json:"explained"`
	Found     map[FindingKind]int64 `json:"found"`    // by kind
	Findings  []Finding             `json:"findings"` // the first 250 of each kind
	Sums      []DaySum              `json:"sums"`
	Unlisted  bool                  `json:"unlisted"` // the gateway has no list: only payments and journal were compared
}

// OK reports whether nothing is wrong.
func (r *DayReport) OK() bool { return len(r.Found) == 0 }

// Count is the number of findings.
func (r *DayReport) Count() (n int64) {
	for _, k := range r.Found {
		n += k
	}
	return n
}

// ReconciledDay is a day with its last comparison.
type ReconciledDay struct {
	Day    string    `json:"day"` // 2006-01-02, in UTC
	At     time.Time `json:"at"`  // of the comparison
	Report DayReport `json:"report"`
}

// Reconciliations are for administrators.
type Reconciliations interface {
	// ReconciledDays lists the last days that were compared, the latest first, without
	// their findings.
	ReconciledDays(ctx context.Context, c caller.Caller, limit int) ([]ReconciledDay, error)
	// ReconciledDay reads one; NotFound if the day was not compared.
	ReconciledDay(ctx context.Context, c caller.Caller, day string) (ReconciledDay, error)
}
