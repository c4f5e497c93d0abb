package reconcile

import (
	"slices"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// The types of the report belong to the contract of the payment service.
type (
	FindingKind = paymentapi.FindingKind
	Finding     = paymentapi.Finding
	Report      = paymentapi.DayReport
)

// The kinds of findings.
const (
	UnknownPayment    FindingKind = "unknown-payment"     // a charge of ours whose payment the record does not have, as after a restore from an older backup
	UnknownMethod     FindingKind = "unknown-method"      // a charge by a method that the payment never had
	ForeignCharge     FindingKind = "foreign-charge"      // a charge that this ticket office has not made
	CapturedTwice     FindingKind = "captured-twice"      // one charge was captured more than once
	TwoMethods        FindingKind = "two-methods"         // one payment was captured by two of its methods
	PaidTwice         FindingKind = "paid-twice"          // two payments for one booking keep money
	CaptureAmount     FindingKind = "capture-amount"      // captured another amount
	CaptureCurrency   FindingKind = "capture-currency"    // captured in another currency
	CaptureMissing    FindingKind = "capture-missing"     // recorded as captured; the gateway has not captured it
	NotReturned       FindingKind = "not-returned"        // captured, although the payment was given up or declined, and not returned
	FreeCharged       FindingKind = "free-charged"        // captured for a payment that costs nothing
	ReferenceDiffers  FindingKind = "reference-differs"   // the gateway has another charge under the same id
	BeforePayment     FindingKind = "before-payment"      // it happened before the payment was made
	VoidedButCaptured FindingKind = "voided-but-captured" // recorded as captured; the gateway has released the money
	VoidAndCapture    FindingKind = "void-and-capture"    // the gateway says that it released and captured the same charge
	RefundMissing     FindingKind = "refund-missing"      // recorded as refunded; the gateway has not refunded it
	RefundUnrecorded  FindingKind = "refund-unrecorded"   // refunded by somebody else, such as on the gateway's own pages
	RefundElsewhere   FindingKind = "refund-elsewhere"    // recorded: refunded on the gateway's own pages; a person decides about the booking
	FailureUnrecorded FindingKind = "failure-unrecorded"  // a refund has failed after it was made; the record does not know
	FailureMissing    FindingKind = "failure-missing"     // recorded as failed; the gateway has made the refund
	RefundTwice       FindingKind = "refund-twice"        // one refund was made more than once
	RefundAmount      FindingKind = "refund-amount"       // refunded another amount
	RefundCurrency    FindingKind = "refund-currency"     // refunded in another currency
	RefundBeyond      FindingKind = "refund-beyond"       // refunded more than was paid
	RefundOfNothing   FindingKind = "refund-of-nothing"   // refunded, although nothing was captured
	DisputeReturned   FindingKind = "dispute-returned"    // disputed, although the buyer has the money back; a person tells the gateway
	DisputeUnrecorded FindingKind = "dispute-unrecorded"  // disputed; the record does not know
	DisputeMissing    FindingKind = "dispute-missing"     // recorded as disputed; the gateway knows of no dispute
	DisputeAmount     FindingKind = "dispute-amount"      // disputed over another amount
	DisputeCurrency   FindingKind = "dispute-currency"    // disputed in another currency
	WonUnrecorded     FindingKind = "won-unrecorded"      // the money of a dispute came back; the record does not know
	WonMissing        FindingKind = "won-missing"         // recorded as won; the gateway has not returned the money
	WonAmount         FindingKind = "won-amount"          // the dispute returned another amount
	JournalMissing    FindingKind = "journal-missing"     // recorded; the journal has no posting
	JournalExtra      FindingKind = "journal-extra"       // posted; the record knows nothing of it
	JournalTwice      FindingKind = "journal-twice"       // posted more than once
	JournalAmount     FindingKind = "journal-amount"      // posted another amount
	JournalCurrency   FindingKind = "journal-currency"    // posted in another currency
	JournalUnbalanced FindingKind = "journal-unbalanced"  // debits and credits of a posting differ
	JournalUnknown    FindingKind = "journal-unknown"     // posted for a payment that the record does not have
	BadLine           FindingKind = "bad-line"            // a line without a currency, of an unknown kind, or with a negative amount
	LineContradicts   FindingKind = "line-contradicts"    // the gateway has listed one movement twice, with different contents
	Stuck             FindingKind = "stuck"               // the payment is not final after a long time
	RefundStuck       FindingKind = "refund-stuck"        // the refund is not made after a long time
	RefundFailed      FindingKind = "refund-failed"       // the gateway has refused the refund
	OtherGateway      FindingKind = "other-gateway"       // it waits for another gateway than this program has
	NotCompared       FindingKind = "not-compared"        // the day could not be compared
)

// says are the findings in words.
var says = map[FindingKind]string{
	UnknownPayment:    "The gateway has a charge for a payment that is not in the record.",
	UnknownMethod:     "The gateway has a charge by a method that the payment never had.",
	ForeignCharge:     "The gateway has a charge that was not made by this ticket office.",
	CapturedTwice:     "The gateway has captured one charge more than once.",
	TwoMethods:        "The gateway has captured the payment by two methods.",
	PaidTwice:         "Two payments keep money for the same booking.",
	CaptureAmount:     "The gateway has captured another amount than the payment's.",
	CaptureCurrency:   "The gateway has captured another currency than the payment's.",
	CaptureMissing:    "The payment is captured, but the gateway has not captured it.",
	NotReturned:       "The payment was given up, but the gateway has captured it and not returned the money.",
	FreeCharged:       "The payment costs nothing, but the gateway has captured money for it.",
	ReferenceDiffers:  "The gateway has another charge under the id of the payment's.",
	BeforePayment:     "The gateway did this before the payment was made.",
	VoidedButCaptured: "The payment is captured, but the gateway has released the money.",
	VoidAndCapture:    "The gateway says that it has released and captured the same charge.",
	RefundMissing:     "The refund is recorded, but the gateway has not made it.",
	RefundUnrecorded:  "The gateway has made a refund that is not in the record.",
	RefundElsewhere:   "Money of the payment was refunded on the gateway's own pages. Decide what becomes of the booking.",
	FailureUnrecorded: "A refund has failed at the gateway after it was made; the record does not know.",
	FailureMissing:    "The refund is recorded as failed, but at the gateway it has not failed.",
	RefundTwice:       "The gateway has made one refund more than once.",
	RefundAmount:      "The gateway has refunded another amount than the one in the record.",
	RefundCurrency:    "The gateway has refunded another currency than the payment's.",
	RefundBeyond:      "More was refunded than was paid.",
	RefundOfNothing:   "The gateway has refunded a payment of which it has captured nothing.",
	DisputeReturned:   "The buyer disputes money that was given back before. Send the gateway the evidence.",
	DisputeUnrecorded: "The gateway has a dispute that is not in the record.",
	DisputeMissing:    "The dispute is recorded, but the gateway does not know it.",
	DisputeAmount:     "The dispute is over another amount than the one in the record.",
	DisputeCurrency:   "The dispute is in another currency than the payment.",
	WonUnrecorded:     "The gateway has returned the money of a dispute; the record does not know.",
	WonMissing:        "The dispute is recorded as won, but the gateway has not returned the money.",
	WonAmount:         "The won dispute has returned another amount than the one in the record.",
	JournalMissing:    "The movement is recorded, but not posted in the journal.",
	JournalExtra:      "The journal has a posting for something that the record does not know.",
	JournalTwice:      "The movement is posted in the journal more than once.",
	JournalAmount:     "The journal has another amount than the record.",
	JournalCurrency:   "The journal has another currency than the record.",
	JournalUnbalanced: "Debits and credits of the posting differ.",
	JournalUnknown:    "The journal has a posting for a payment that is not in the record.",
	BadLine:           "The gateway's line has no currency, an unknown kind or a negative amount.",
	LineContradicts:   "The gateway has listed one movement twice, with different contents.",
	Stuck:             "The payment is not final after a long time.",
	RefundStuck:       "The refund is not made after a long time.",
	RefundFailed:      "The gateway has refused the refund.",
	OtherGateway:      "The payment was begun with another gateway than the one that this program has.",
	NotCompared:       "The day could not be compared; the server's log says why.",
}

// MaxFindings is how many findings of a kind a report lists, so that one with many, such as
// paused refunds, does not hide the others.
const MaxFindings = 250

// Uncompared is the report of a day that could not be compared.
func Uncompared(day time.Time) *Report {
	r := &Report{From: day, To: day.AddDate(0, 0, 1), Explained: map[string]int64{}, Found: map[FindingKind]int64{}, Sums: []paymentapi.DaySum{}}
	add(r, []Finding{{Kind: NotCompared, Says: says[NotCompared], At: day}})
	return r
}

func add(r *Report, list []Finding) {
	for _, f := range list {
		r.Found[f.Kind]++
		if r.Found[f.Kind] <= MaxFindings {
			r.Findings = append(r.Findings, f)
		}
	}
}

// addUp adds a line of the day to the sums.
func addUp(r *Report, m *Movement) {
	i := slices.IndexFunc(r.Sums, func(s paymentapi.DaySum) bool { return s.Currency == m.Currency })
	if i < 0 {
		i = len(r.Sums)
		r.Sums = append(r.Sums, paymentapi.DaySum{Currency: m.Currency})
	}
	s := &r.Sums[i]
	s.Fees += m.Fee
	switch m.Kind {
	case provider.Captured:
		s.Captured += m.Amount
	case provider.Refunded:
		s.Refunded += m.Amount
	case provider.RefundFailed:
		s.Refunded -= m.Amount
	case provider.Disputed:
		s.Disputed += m.Amount
	case provider.DisputeWonBack:
		s.DisputeWon += m.Amount
	case provider.Payout:
		s.Payout += m.Amount
	}
}
