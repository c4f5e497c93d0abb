package payment

import (
	"strconv"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// The journal: payments_journal has what happened to payments and the money that it
// moved, as paymentapi.Posting says. A posting is written in the transaction that
// changes the payment's row; all that a batch does in an event is one row. Rows are
// only appended. journalread.go reads it.
//
// What a posting moves follows from the payment's row before and after: at any time, the
// postings of a payment add up to its balance.

// sqlPost uses no index but the primary key.
const sqlPost = `INSERT INTO payments_journal (event_id, id, currency, postings) VALUES ($1, $2, $3, $4)`

// The places of the accounts in balance, as in paymentapi.Accounts.
const (
	inGateway = iota
	inBuyer
	inOrganizer
	inFees
	inTax
	inRefunds
	inChargebacks
	inGatewayFees // only fees.go posts in this and the next
	inPayout
	inTransferred
	inDifference
)

// balance is what is in each account, in minor units: above 0 on the debit side.
type balance [len(paymentapi.Accounts)]int64

// balance is what a payment has moved.
func (p *record) balance() (b balance) {
	switch {
	case p.Status == paymentapi.Returning:
		b[inGateway], b[inBuyer] = p.taken(), -p.taken()
	case p.Status != paymentapi.Captured && (p.Status != paymentapi.Refunded || p.GivenUp()):
		// Nothing was taken, or all of it is back. What is disputed has gone once more.
		b[inGateway], b[inChargebacks] = -p.disputed, p.disputed
	default:
		fee := p.Fees - p.Tax
		feeBack, taxBack := paymentapi.Part(fee, p.Refunded, p.Amount), paymentapi.Part(p.Tax, p.Refunded, p.Amount)
		b[inGateway] = p.Amount - p.Refunded - p.disputed
		b[inOrganizer] = -(p.Amount - p.Fees)
		b[inFees], b[inTax] = feeBack-fee, taxBack-p.Tax
		b[inRefunds] = p.Refunded - feeBack - taxBack
		b[inChargebacks] = p.disputed
		b[inTransferred] = p.transferred
		b[inGateway] -= p.transferred
		b[inGateway] += p.excess - p.excessBack
		b[inDifference] = p.excessBack - p.excess
	}
	return b
}

// passedOn is what the gateway has passed on to the organizer's account after a change: at
// the capture their share, less what it takes back for refunds of ours. Disputes, refunds
// that come back and those on the gateway's own pages leave that account alone.
func (p *record) passedOn(to *record, e event) int64 {
	switch {
	case e.kind == evRefunded:
		return max(0, p.transferred-(p.passes()-to.passes()))
	case p.Status == paymentapi.Authorized:
		return to.passes()
	}
	return p.transferred
}

// passes is the share of what was sold that belongs to an organizer with an account: all
// but the fees, less refunds. Tax is the organizer's to pay.
func (p *record) passes() int64 {
	if p.account == "" {
		return 0
	}
	b := p.balance()
	return -b[inOrganizer] - b[inTax] - b[inRefunds]
}

// posted is a posting of a batch.
type posted struct {
	event, currency string
	text            string // JSON
}

// post notes a posting for the journal, unless it is "".
func (t *batchTx) post(p *record, text string) {
	if text != "" {
		t.posts = append(t.posts, posted{p.EventID, p.Currency, text})
	}
}

// posting is what the journal has of a move; "" if it has nothing. before is what it has
// of the payment so far.
func (w *move) posting(before balance) string {
	step := w.step()
	if step == "" {
		return ""
	}
	cause := w.cause.kind.String()
	if cause == step || w.cause.kind == evBegin || w.cause.kind == evExcessBack {
		cause = ""
	}
	p := &w.to
	text := make([]byte, 0, 256)
	text = append(append(text, `{"p":"`...), p.ID...)
	text = append(append(text, `","s":"`...), step...)
	text = append(text, '"')
	for _, f := range [...]struct{ name, text string }{{"c", cause}, {"b", w.by}, {"k", w.cause.key}, {"r", w.cause.reason}, {"f", w.cause.reference}} {
		if f.text != "" {
			text = appendText(append(append(append(text, `,"`...), f.name...), `":`...), f.text)
		}
	}
	now := p.balance()
	if now != before {
		text = appendGateway(text, p.gateway, p.account, p.test)
	}
	return string(append(appendLines(text, before, now), '}'))
}

// appendGateway appends at which gateway, and in whose account there, money moves.
func appendGateway(text []byte, gateway, account string, test bool) []byte {
	if gateway != "" {
		text = appendText(append(text, `,"g":`...), gateway)
	}
	if account != "" {
		text = appendText(append(text, `,"a":`...), account)
	}
	if test {
		text = append(text, `,"t":true`...)
	}
	return text
}

// step names what a move does, as the payment's history does; "" for one that only
// makes a new version of the row.
func (w *move) step() string {
	from, to := &w.from, &w.to
	dispute, _ := w.disputeStep()
	switch {
	case w.cause.kind == evTakenOtherwise && to.excess != from.excess:
		return string(paymentapi.TakenOtherwise)
	case w.cause.kind == evExcessBack && to.excessBack > from.excessBack:
		return string(paymentapi.ExcessReturned)
	case w.cause.kind == evExcessBack && to.excessBack < from.excessBack:
		return string(paymentapi.ExcessCameBack)
	case w.cause.kind == evElsewhere && to.Refunded > from.Refunded:
		return string(paymentapi.RefundedElsewhere)
	case to.Refunded < from.Refunded && to.end == "":
		return string(paymentapi.RefundCameBack)
	case to.Refunded > from.Refunded && to.Status == paymentapi.Captured:
		return string(paymentapi.PartlyRefunded)
	case dispute != "":
		return string(dispute)
	case to.Status != from.Status || to.approve != from.approve || to.Amount != from.Amount || to.try != from.try:
		return string(to.Status)
	}
	return ""
}

// appendLines appends how one balance becomes another.
func appendLines(text []byte, from, to balance) []byte {
	if from == to {
		return text
	}
	text = append(text, `,"l":`...)
	separator := byte('{')
	for i, name := range paymentapi.Accounts {
		if from[i] == to[i] {
			continue
		}
		text = append(append(text, separator, '"'), name...)
		text = strconv.AppendInt(append(text, `":`...), to[i]-from[i], 10)
		separator = ','
	}
	return append(text, '}')
}

// appendText appends a text in JSON.
func appendText(text []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			raw, err := codec.Marshal(s)
			if err != nil { // it is not UTF-8
				return append(text, `""`...)
			}
			return append(text, raw...)
		}
	}
	return append(append(append(text, '"'), s...), '"')
}

// notePosted makes the rows of some postings: one for each event and currency.
func (s *store) notePosted(list []posted) (rows []journalRow) {
	if len(list) == 0 {
		return nil
	}
	id := s.newPostID()
	at := map[[2]string]int{}
	for _, p := range list {
		k := [2]string{p.event, p.currency}
		i, ok := at[k]
		if !ok {
			i = len(rows)
			at[k] = i
			rows = append(rows, journalRow{rowKey: rowKey{p.event, id}, currency: p.currency, postings: append(make([]byte, 0, 256*len(list)), '[')})
		} else {
			rows[i].postings = append(rows[i].postings, ',')
		}
		rows[i].postings = append(rows[i].postings, p.text...)
	}
	for i := range rows {
		rows[i].postings = append(rows[i].postings, ']')
	}
	return rows
}

// newPostID makes the id of a row. The ids of a process ascend, so that a payment's
// postings stay in order, even if the clock stands still.
func (s *store) newPostID() string {
	at := time.Now().UnixMicro()
	for {
		last := s.posted.Load()
		if at = max(at, last+1); s.posted.CompareAndSwap(last, at) {
			return rowIDAt(at)
		}
	}
}

// journalRow is a row of payments_journal.
type journalRow struct {
	rowKey
	currency string
	postings []byte
}
