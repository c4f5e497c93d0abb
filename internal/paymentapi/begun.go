package paymentapi

// Begun counts payments by the gateway that they were begun with.
type Begun struct {
	Gateway  string // its name, as in --payments; "": an older program has not said
	Test     bool   // no money moves there
	Payments int64
	Open     int64 // of these, still under way
}
