package paymentapi

import "math/bits"

// Account is an account of the journal: where money is, or whose it is.
type Account string

// The accounts. What is at the gateway is the sum of all the others.
const (
	AccountGateway     Account = "gateway"      // money that the gateway has taken, and has not paid out
	AccountBuyer       Account = "buyer"        // taken for payments that were given up: it goes back to buyers
	AccountOrganizer   Account = "organizer"    // what organizers have sold for, without fees and tax
	AccountFees        Account = "fees"         // the fees in it, without tax
	AccountTax         Account = "tax"          // the tax in it
	AccountRefunds     Account = "refunds"      // what of the organizers' part was given back
	AccountChargebacks Account = "chargebacks"  // what the gateway has withdrawn for buyers who dispute
	AccountGatewayFees Account = "gateway_fees" // what the gateway has kept for its services
	AccountPayout      Account = "payout"       // what the gateway has paid out
	AccountTransferred Account = "transferred"  // what the gateway has passed on to organizers' own accounts there
	AccountDifference  Account = "difference"   // taken beyond what was asked for, and owed to buyers; a debit: taken less
)

// Accounts are all accounts, in the order in which they are listed.
var Accounts = [...]Account{AccountGateway, AccountBuyer, AccountOrganizer, AccountFees, AccountTax, AccountRefunds, AccountChargebacks, AccountGatewayFees, AccountPayout, AccountTransferred, AccountDifference}

// Line is one account's part of a posting, in minor units: above 0 a debit, below 0 a
// credit.
type Line struct {
	Account Account `json:"account" doc:"gateway: money that the gateway has. organizer, fees, tax: whose it is. refunds, chargebacks: what of it went back. buyer: money that goes back. transferred: what the gateway has passed on to the organizer's own account there. difference: what the gateway has taken beyond what was asked for, or less." example:"gateway"`
	Amount  int64   `json:"amount" doc:"Minor units. Above 0: debit. Below 0: credit."`
}

// Steps of the journal that no history of a payment has.
const (
	StepOpening = "opening" // what a payment had moved when the journal was begun
	StepFee     = "fee"     // the gateway has kept a fee
	StepPayout  = "payout"  // the gateway has paid out
)

// Posting is one step of a payment in the journal: what happened, and the money that it
// moved. The lines of a posting add up to 0. A step that moves no money has none.
type Posting struct {
	EventID   string `json:"event_id"`
	Currency  string `json:"currency" doc:"ISO 4217 code."`
	At        int64  `json:"at" doc:"When it happened, in microseconds since 1970. 0: before the journal was begun."`
	PaymentID string `json:"payment_id,omitempty"` // "": of no payment, as a payout
	Step      string `json:"step" doc:"State of the payment after it, or a step of its history. opening: what the payment had moved when the journal was begun." example:"captured"`
	Cause     string `json:"cause,omitempty" doc:"What was learned, if the step does not say it." example:"approved"`
	By        string `json:"by,omitempty" doc:"Id of the account that asked for it. Absent if it follows from what came before."`
	Key       string `json:"key,omitempty" doc:"Name of the refund or the dispute."`
	Reason    string `json:"reason,omitempty" doc:"Code of the payment gateway, or why the booking was refused." example:"card_declined"`
	Reference string `json:"reference,omitempty" doc:"The payment gateway's name of the charge."`
	Lines     []Line `json:"lines,omitempty" doc:"The money that it moved."`

	Gateway        string `json:"gateway,omitempty" doc:"The payment gateway at which it moved the money. Not for buyers." example:"stripe"`
	GatewayAccount string `json:"gateway_account,omitempty" doc:"The organizer's own account at the gateway, which receives the money. Not for buyers." example:"acct_1Nv0FGQ9RKHgCVdK"`
	Test           bool   `json:"test,omitempty" doc:"Whether the gateway moves no money, as with test keys. Not for buyers." example:"false"`
}

// AtGateway is by how much more money of the payment is at the gateway after it, in its
// account or passed on to the organizer's.
func (p *Posting) AtGateway() (moved int64) {
	for _, l := range p.Lines {
		if l.Account == AccountGateway || l.Account == AccountTransferred {
			moved += l.Amount
		}
	}
	return moved
}

// Part is what has gone back of a part of an amount, such as its tax, when refunded of
// the amount have: the same share, rounded down, so that all of it is back when all of
// the amount is. All are in minor units, none below 0; part and refunded are at most the
// amount.
func Part(part, refunded, amount int64) int64 {
	if refunded >= amount {
		return part
	}
	hi, lo := bits.Mul64(uint64(part), uint64(refunded))
	whole, _ := bits.Div64(hi, lo, uint64(amount))
	return int64(whole)
}
