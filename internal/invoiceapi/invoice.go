package invoiceapi

import (
	"fmt"
	"slices"
	"time"
)

// House is the id of the seller of events without an organizer.
const House = "house"

// Limits of what a seller gives.
const (
	MaxName   = 200
	MaxStreet = 200
	MaxCity   = 100
	MaxPostal = 20
	MaxNote   = 300
	MaxTaxNo  = 30
	MaxPrefix = 12
)

// Party is a name with an address.
type Party struct {
	Name       string `json:"name"`
	Street     string `json:"street,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	City       string `json:"city,omitempty"`
	Country    string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	VATNumber  string `json:"vat_number,omitempty"`
}

// Buyer is whom the invoice for a booking names.
type Buyer struct {
	Party
	Version int64  // grows with each change; 0: nothing was given
	Number  string // of the invoice, with what it says; "": it is not issued yet
}

// Seller is who sells an organizer's tickets, as invoices name them. Each change is a new
// version; a document keeps the version that it was issued with.
type Seller struct {
	ID      string `json:"-"` // of the organizer; House
	Version int64  `json:"-"` // 0: nothing is known, and no documents are issued
	Party
	TaxNumber string `json:"tax_number,omitempty"` // of the local tax office
	TaxRate   int64  `json:"tax_rate,omitempty"`   // contained in prices of events without fee_rules
	TaxNote   string `json:"tax_note,omitempty"`   // printed below the total: why there is no tax
	Contact   string `json:"contact,omitempty"`    // printed below the address
	Prefix    string `json:"prefix,omitempty"`     // of the numbers
	Zone      string `json:"zone"`                 // IANA name: of the dates, and of the year in the numbers
}

// Kind says what a document is.
type Kind string

// The kinds.
const (
	Invoice    Kind = "invoice"
	CreditNote Kind = "credit_note" // money that went back
)

// Document is an invoice or a credit note, as it was issued; it never changes.
type Document struct {
	Kind      Kind
	Year      int64
	Sequence  int64 // of the seller in the year, from 1, without gaps; both kinds share it
	EventID   string
	BookingID string
	PaymentID string
	Part      int64     // of the payment: 0 is the invoice, n the credit note for the nth refund
	Issued    time.Time // in the seller's zone
	Amount    int64     // all-in; of a credit note what went back
	Tax       int64     // part of Amount
	Currency  string
	Seller    Seller
	Content
}

// Content is what a document says beside its figures.
type Content struct {
	Number  string    `json:"number"` // as it is printed
	Buyer   Party     `json:"buyer"`
	Event   string    `json:"event"`           // its title
	Venue   string    `json:"venue"`           // in one line
	Starts  time.Time `json:"starts,omitzero"` // in the event's zone; zero: not known
	Date    string    `json:"date,omitempty"`  // YYYY-MM-DD, if only that is known
	Zone    string    `json:"zone"`            // of the event
	TaxRate int64     `json:"tax_rate,omitempty"`
	Fees    int64     `json:"fees,omitempty"`   // part of the amount, without tax
	Lines   []Line    `json:"lines,omitempty"`  // of an invoice
	Refers  string    `json:"refers,omitempty"` // of a credit note: the number of its invoice
	Invoice time.Time `json:"invoice,omitzero"` // of a credit note: when its invoice was issued
	Paid    time.Time `json:"paid,omitzero"`    // when the money moved
	Test    bool      `json:"test,omitempty"`   // no real money
}

// Line is a line of an invoice.
type Line struct {
	Text     string `json:"text"`            // the tier, and its seats
	Seats    string `json:"seats,omitempty"` // their labels
	Quantity int64  `json:"quantity"`        // 0: seats that were given back before the invoice was issued
	Each     int64  `json:"each,omitempty"`  // all-in price of one
	Amount   int64  `json:"amount"`          // all-in
}

// Net is the amount without tax.
func (d *Document) Net() int64 { return d.Amount - d.Tax }

// NumberOf is a number as it is printed: the seller's prefix, the year, and at least six
// digits.
func NumberOf(prefix string, year, sequence int64) string {
	if prefix != "" {
		prefix += "-"
	}
	return fmt.Sprintf("%s%d-%06d", prefix, year, sequence)
}

// Settlement is what an event has sold, and what of it is its organizer's.
type Settlement struct {
	EventID string
	Title   string
	Seller  Seller
	At      time.Time // in the seller's zone: what happened until then is included
	Over    bool      // the event is over or cancelled: see Statement.Reserve
	Items   []Statement

	Held      int64     // percent of Due in Reserve, for disputes; 0: none
	HeldUntil time.Time // in the seller's zone
}

// Statement is a settlement in one currency. Amounts are not negative, except those of
// what can be owed: Due, Payout, AtGateway.
type Statement struct {
	Currency string
	Payments int64 // that took money
	Refunded int64 // refunds

	Gross       int64 // what buyers have paid
	GrossFees   int64 // part of Gross, without tax
	GrossTax    int64 // part of Gross
	Refunds     int64 // what went back to buyers
	RefundFees  int64 // part of Refunds, without tax
	RefundTax   int64 // part of Refunds
	Chargebacks int64 // what the gateway has withdrawn for buyers who dispute their payments
	GatewayFees int64 // what the gateway has kept, but for OperatorFees
	Due         int64 // to the organizer: Gross less Refunds, the fees that stay, Chargebacks and GatewayFees
	Reserve     int64 // part of Due that buyers may still get back
	PaidOut     int64 // by the gateway
	Payout      int64 // to be paid out now: Due less Reserve, PaidOut and Transferred
	Returning   int64 // money of payments that were given up, on its way back
	Difference  int64 // what the gateway has taken beyond what was asked for, and is owed to buyers; below 0: less
	AtGateway   int64 // what the gateway has of all that, but for Transferred

	// Of payments for which the organizer has an account of their own at the gateway:
	Transferred  int64 // what of Due the gateway has passed on to it
	OperatorFees int64 // what the gateway has kept for them; the operator pays it
}

// Fees are the fees that stay with the operator.
func (s *Statement) Fees() int64 { return s.GrossFees - s.RefundFees }

// ReserveSaid reports whether it is said what is held back and why. Of what the gateway has
// passed on, nothing is.
func (s *Statement) ReserveSaid() bool { return s.Transferred == 0 || s.Reserve != 0 }

// Row is a row of a statement, for pages and files.
type Row struct {
	Name   string
	Amount int64
	Count  int64 // of payments or refunds
	Part   bool  // it is part of the row above
	Total  bool
}

// Counted reports whether the row has a count.
func (r Row) Counted() bool { return r.Name == "gross" || r.Name == "refunds" }

// Rows are the rows of a statement, in their order. What goes off is negative; rows that
// are zero and need not be said are left out.
func (s *Statement) Rows() []Row {
	rows := []Row{
		{Name: "gross", Amount: s.Gross, Count: s.Payments},
		{Name: "tax", Amount: s.GrossTax, Part: true},
		{Name: "refunds", Amount: -s.Refunds, Count: s.Refunded},
		{Name: "tax", Amount: -s.RefundTax, Part: true},
		{Name: "fees", Amount: -s.Fees()},
		{Name: "operator-fees", Amount: -s.OperatorFees, Part: true},
		{Name: "chargebacks", Amount: -s.Chargebacks},
		{Name: "gateway-fees", Amount: -s.GatewayFees},
		{Name: "due", Amount: s.Due, Total: true},
		{Name: "transferred", Amount: -s.Transferred},
		{Name: "reserve", Amount: -s.Reserve},
		{Name: "paid-out", Amount: -s.PaidOut},
		{Name: "payout", Amount: s.Payout, Total: true},
	}
	return slices.DeleteFunc(rows, func(r Row) bool {
		return r.Amount == 0 && (r.Part || r.Name == "paid-out" || r.Name == "gateway-fees" || r.Name == "transferred")
	})
}
