package bookingapi

// Difference describes the first place where an audit found that the tables disagree
// with an event's ledger.
type Difference struct {
	EventID string
	Text    string
}

func (d Difference) Error() string { return "event " + d.EventID + ": " + d.Text }

// Bill is what a sold booking cost and what was refunded, according to the ledger.
type Bill struct {
	Status    Status
	PaymentID string // according to the booking's row
	Amount    int64  // of all seats that were sold, minor units
	Currency  string
	Back      []Back // what its entries give back, in order
	Kept      int64  // of cancelled seats, by the event's terms: minor units
}

// Back is an amount that a ledger entry refunds.
type Back struct{ Seq, Amount int64 }
