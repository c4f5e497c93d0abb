package paymentapi

// Refunds is money of an event that goes back, by how far it got.
type Refunds struct {
	Done, Pending, Failed RefundFigure
}

// RefundFigure is a number of refunds and their sum.
type RefundFigure struct {
	Count  int64
	Amount int64 // minor units
}
