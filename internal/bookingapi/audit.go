package bookingapi

// Difference is the first thing that an audit finds where the tables are not as the
// ledger of an event says.
type Difference struct {
	EventID string
	Text    string
}

func (d Difference) Error() string { return "event " + d.EventID + ": " + d.Text }

// Bill is the money of a booking that was sold, according to the ledger.
type Bill struct {
	Status    Status
	PaymentID string // according to the booking's row
	Amount    int64  // of all seats that were sold, minor units
	Currency  string
	Back      []Back // seats that were cancelled for money, in order
}

// Back is money that a ledger entry gives back.
type Back struct{ Seq, Amount int64 }
