package invoice

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
)

// post makes a posting of the first event.
func (w *world) post(step string, lines ...paymentapi.Line) {
	w.journal = append(w.journal, paymentapi.Posting{EventID: w.firstEvent(), Currency: "EUR", At: w.now.UnixMicro(), PaymentID: "p-1", Step: step, Lines: lines})
}

func to(a paymentapi.Account, amount int64) paymentapi.Line {
	return paymentapi.Line{Account: a, Amount: amount}
}

const (
	gate, org, fee, tax, back, withdrawn = paymentapi.AccountGateway, paymentapi.AccountOrganizer, paymentapi.AccountFees, paymentapi.AccountTax, paymentapi.AccountRefunds, paymentapi.AccountChargebacks
)

// A settlement is what the journal says: sold, given back, disputed, in transit and paid out.
func TestSettlement(t *testing.T) {
	w := newWorld(t)
	event := w.firstEvent()
	w.post("authorized")
	w.post("captured", to(gate, 13090), to(org, -10000), to(fee, -1000), to(tax, -2090))
	w.post("captured", to(gate, 13090), to(org, -10000), to(fee, -1000), to(tax, -2090))
	w.post("captured", to(gate, 13090), to(org, -10000), to(fee, -1000), to(tax, -2090))
	w.post("partly_refunded", to(gate, -6545), to(fee, 500), to(tax, 1045), to(back, 5000))
	w.post("refunded_elsewhere", to(gate, -1309), to(fee, 100), to(tax, 209), to(back, 1000))
	w.post("refund_failed", to(gate, 1309), to(fee, -100), to(tax, -209), to(back, -1000))
	w.post("disputed", to(gate, -13090), to(withdrawn, 13090))
	w.post("disputed", to(gate, -13090), to(withdrawn, 13090))
	w.post("dispute_won", to(gate, 13090), to(withdrawn, -13090))
	w.post("returning", to(gate, 700), to(paymentapi.AccountBuyer, -700))
	w.post("taken_otherwise", to(gate, 300), to(paymentapi.AccountDifference, -300))
	w.post("excess_returned", to(gate, -200), to(paymentapi.AccountDifference, 200))
	w.post("fee", to(gate, -150), to(paymentapi.AccountGatewayFees, 150))
	w.post("payout", to(gate, -4000), to(paymentapi.AccountPayout, 4000))
	s, err := w.Settlement(t.Context(), hall, event)
	if err != nil || len(s.Items) != 1 || s.Over || s.Title != "gala" {
		t.Fatalf("%+v %v", s, err)
	}
	want := invoiceapi.Statement{Currency: "EUR", Payments: 3, Refunded: 1, Gross: 39270, GrossFees: 3000, GrossTax: 6270, Refunds: 6545, RefundFees: 500, RefundTax: 1045, Chargebacks: 13090, GatewayFees: 150,
		Due: 16985, PaidOut: 4000, Reserve: 12985, Payout: 0, Returning: 700, Difference: 100, AtGateway: 16285}
	if s.Items[0] != want {
		t.Errorf("%+v\n%+v", s.Items[0], want)
	}
	e := w.events[event]
	e.Over = w.now.Add(-time.Hour)
	w.events[event] = e
	w.open = map[string]int64{"EUR": 500, "USD": 70}
	if s, err = w.Settlement(t.Context(), admin, event); err != nil || !s.Over || s.Items[0].Reserve != 500 || s.Items[0].Payout != 12485 {
		t.Errorf("%+v %v", s, err)
	}
	w.Service.cfg.Reserve = Reserve{Percent: 10, For: 24 * time.Hour}
	if s, err = w.Settlement(t.Context(), admin, event); err != nil || s.Held != 10 || !s.HeldUntil.Equal(w.now.Add(23*time.Hour)) || s.Items[0].Reserve != 500+1699 || s.Items[0].Payout != 16985-4000-2199 {
		t.Errorf("with a reserve: %+v %v", s, err)
	}
	w.Service.cfg.Reserve.For = time.Minute // it is over
	if later, err := w.Settlement(t.Context(), admin, event); err != nil || later.Held != 0 || later.Items[0].Reserve != 500 {
		t.Errorf("after the reserve: %+v %v", later, err)
	}
	for _, lang := range []string{"en", "de"} {
		if file, err := w.SettlementPDF(t.Context(), &s, lang); err != nil || !strings.HasPrefix(string(file), "%PDF") {
			t.Errorf("%s: %v", lang, err)
		}
	}
	list, err := w.Movements(t.Context(), hall, event)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p, err := range list {
		var sum int64
		for _, l := range p.Lines {
			sum += l.Amount
		}
		if n++; err != nil || sum != 0 {
			t.Errorf("%+v %v", p, err)
		}
	}
	if n != 14 {
		t.Errorf("%d movements", n)
	}
	for c, want := range map[caller.Caller]errs.Kind{rival: errs.NotFound, {}: errs.Unauthenticated, fan: errs.NotFound} {
		_, a := w.Settlement(t.Context(), c, event)
		_, b := w.Movements(t.Context(), c, event)
		if errs.KindOf(a) != want || errs.KindOf(b) != want {
			t.Errorf("%s: %v, %v", c.UserID, a, b)
		}
	}
	w.fails = errors.New("the journal cannot be read")
	if _, err := w.Settlement(t.Context(), hall, event); !errors.Is(err, w.fails) {
		t.Errorf("half a journal is a settlement: %v", err)
	}
}

// What the gateway passes on to an account of the organizer's own is not paid out again. Its
// fees for that are the operator's to pay. The gateway takes a disputed payment from the
// operator, and the organizer owes it to the operator. Payments from before the organizer had the account stay as they are.
func TestSettlementOfOwnAccounts(t *testing.T) {
	w := newWorld(t)
	event := w.firstEvent()
	passed := paymentapi.AccountTransferred
	own := func(step string, lines ...paymentapi.Line) {
		w.post(step, lines...)
		w.journal[len(w.journal)-1].GatewayAccount = "acct_hall"
	}
	own("captured", to(gate, 1000), to(org, -10000), to(fee, -1000), to(tax, -2090), to(passed, 12090))
	own("captured", to(gate, 1000), to(org, -10000), to(fee, -1000), to(tax, -2090), to(passed, 12090))
	own("fee", to(gate, -420), to(paymentapi.AccountGatewayFees, 420))
	own("partly_refunded", to(gate, -500), to(fee, 500), to(tax, 1045), to(back, 5000), to(passed, -6045))
	settled := func(over bool) invoiceapi.Statement {
		t.Helper()
		e := w.events[event]
		if e.Over = w.now.Add(time.Hour); over {
			e.Over = w.now.Add(-time.Hour)
		}
		w.events[event] = e
		s, err := w.Settlement(t.Context(), hall, event)
		if err != nil || len(s.Items) != 1 {
			t.Fatalf("%+v %v", s, err)
		}
		for _, lang := range []string{"en", "de"} {
			if file, err := w.SettlementPDF(t.Context(), &s, lang); err != nil || !strings.HasPrefix(string(file), "%PDF") {
				t.Errorf("%s: %v", lang, err)
			}
		}
		return s.Items[0]
	}
	want := invoiceapi.Statement{Currency: "EUR", Payments: 2, Refunded: 1, Gross: 26180, GrossFees: 2000, GrossTax: 4180, Refunds: 6545, RefundFees: 500, RefundTax: 1045,
		Due: 18135, Transferred: 18135, OperatorFees: 420, AtGateway: 1080}
	if got := settled(false); got != want || got.ReserveSaid() {
		t.Errorf("%+v\n%+v", got, want)
	}
	own("disputed", to(gate, -13090), to(withdrawn, 13090))
	own("fee", to(gate, -1500), to(paymentapi.AccountGatewayFees, 1500))
	want.Chargebacks, want.OperatorFees, want.Due, want.Payout, want.AtGateway = 13090, 1920, 5045, -13090, -13510
	for _, over := range []bool{false, true} {
		if got := settled(over); got != want {
			t.Errorf("%+v\n%+v", got, want)
		}
	}
	w.post("captured", to(gate, 13090), to(org, -10000), to(fee, -1000), to(tax, -2090)) // from before
	w.post("fee", to(gate, -100), to(paymentapi.AccountGatewayFees, 100))
	want.Payments, want.Gross, want.GrossFees, want.GrossTax, want.GatewayFees = 3, 39270, 3000, 6270, 100
	want.Due, want.Payout, want.AtGateway = 17035, -1100, -520
	got := settled(false)
	if got != want {
		t.Errorf("%+v\n%+v", got, want)
	}
	shown := map[string]int64{}
	for _, row := range got.Rows() {
		shown[row.Name] = row.Amount
	}
	if shown["transferred"] != -18135 || shown["operator-fees"] != -1920 || shown["gateway-fees"] != -100 || shown["payout"] != -1100 {
		t.Errorf("%v", shown)
	}
}

// Prices without a tax of their own contain the seller's.
func TestSettlementContainsTax(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	w.post("captured", to(gate, 10700), to(org, -9700), to(fee, -1000))
	s, err := w.Settlement(t.Context(), hall, w.firstEvent())
	if err != nil || s.Items[0].GrossTax != 700 || s.Items[0].Due != 9700 {
		t.Errorf("%+v %v", s, err)
	}
	w.event("quiet", "hall", nil, w.prices[w.firstEvent()].Tiers[0])
	for id, e := range w.events {
		if e.Title == "quiet" {
			if s, err := w.Settlement(t.Context(), hall, id); err != nil || len(s.Items) != 0 {
				t.Errorf("%+v %v", s, err)
			}
		}
	}
}

// What is still to be refunded is held back in its own currency. A refund of a cent whose
// parts are rounded the other way is no sale.
func TestSettlementOfRefunds(t *testing.T) {
	w := newWorld(t)
	event := w.firstEvent()
	w.post("captured", to(gate, 100), to(org, -50), to(fee, -50))
	w.post("partly_refunded", to(gate, -49), to(fee, 24), to(back, 25))
	w.post("partly_refunded", to(gate, -1), to(fee, 2), to(back, -1))
	w.post("captured", to(gate, 900), to(org, -900))
	w.journal[len(w.journal)-1].Currency = "USD"
	e := w.events[event]
	e.Over = w.now.Add(-time.Hour)
	w.events[event] = e
	w.open = map[string]int64{"USD": 70}
	s, err := w.Settlement(t.Context(), hall, event)
	if err != nil || len(s.Items) != 2 {
		t.Fatalf("%+v %v", s, err)
	}
	eur := invoiceapi.Statement{Currency: "EUR", Payments: 1, Refunded: 2, Gross: 100, GrossFees: 50, Refunds: 50, RefundFees: 26, Due: 26, Payout: 26, AtGateway: 50}
	usd := invoiceapi.Statement{Currency: "USD", Payments: 1, Gross: 900, Due: 900, Reserve: 70, Payout: 830, AtGateway: 900}
	eur.GrossTax, eur.RefundTax, usd.GrossTax = s.Items[0].GrossTax, s.Items[0].RefundTax, s.Items[1].GrossTax
	if s.Items[0] != eur || s.Items[1] != usd {
		t.Errorf("%+v\n%+v\n%+v\n%+v", s.Items[0], eur, s.Items[1], usd)
	}
}

// A refund of more than was taken, which comes back and is made again, counts once.
func TestSettlementOfShortRefunds(t *testing.T) {
	w := newWorld(t)
	short := paymentapi.AccountDifference
	w.post("captured", to(gate, 7000), to(org, -9000), to(fee, -1000), to(short, 3000))
	w.post("refunded", to(gate, -7000), to(back, 9000), to(fee, 1000), to(short, -3000))
	settled := func() invoiceapi.Statement {
		t.Helper()
		s, err := w.Settlement(t.Context(), hall, w.firstEvent())
		if err != nil || len(s.Items) != 1 {
			t.Fatalf("%+v %v", s, err)
		}
		s.Items[0].GrossTax, s.Items[0].RefundTax = 0, 0
		return s.Items[0]
	}
	want := invoiceapi.Statement{Currency: "EUR", Payments: 1, Refunded: 1, Gross: 10000, GrossFees: 1000, Refunds: 10000, RefundFees: 1000}
	if got := settled(); got != want {
		t.Errorf("%+v\n%+v", got, want)
	}
	w.post("refund_failed", to(gate, 7000), to(back, -9000), to(fee, -1000), to(short, 3000))
	failed := invoiceapi.Statement{Currency: "EUR", Payments: 1, Gross: 10000, GrossFees: 1000, Due: 9000, Reserve: 9000, Difference: -3000, AtGateway: 7000}
	if got := settled(); got != failed {
		t.Errorf("%+v\n%+v", got, failed)
	}
	w.post("refunded", to(gate, -7000), to(back, 9000), to(fee, 1000), to(short, -3000))
	if got := settled(); got != want {
		t.Errorf("%+v\n%+v", got, want)
	}
}

// Whatever is posted, the money at the gateway is what the statement leaves there.
func TestSettlementsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s invoiceapi.Statement
		var fees int64
		for range rapid.IntRange(0, 30).Draw(t, "postings") {
			amount := rapid.Int64Range(1, 100_000_000_000).Draw(t, "amount")
			f := rapid.Int64Range(0, amount).Draw(t, "fee")
			x := rapid.Int64Range(0, amount-f).Draw(t, "tax")
			p := paymentapi.Posting{Lines: []paymentapi.Line{to(gate, amount), to(org, f+x-amount), to(fee, -f), to(tax, -x)}}
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				p.Step = string(paymentapi.PartlyRefunded)
				p.Lines = []paymentapi.Line{to(gate, -amount), to(back, amount-f-x), to(fee, f), to(tax, x)}
				fees -= f
			case 1:
				p.Lines = []paymentapi.Line{to(gate, -amount), to(withdrawn, amount)}
			case 2:
				p.Lines = []paymentapi.Line{to(gate, -amount), to(paymentapi.AccountPayout, amount)}
			case 3:
				p.Lines = []paymentapi.Line{to(gate, amount), to(paymentapi.AccountBuyer, -amount)}
			case 4:
				p.Step = string(paymentapi.RefundCameBack)
				p.Lines = []paymentapi.Line{to(gate, amount), to(back, f+x-amount), to(fee, -f), to(tax, -x)}
				fees += f
			case 5:
				p.Lines = []paymentapi.Line{to(gate, -amount), to(paymentapi.AccountTransferred, amount)}
			case 6:
				p.Lines = []paymentapi.Line{to(gate, -amount), to(paymentapi.AccountGatewayFees, amount)}
				p.GatewayAccount = rapid.SampledFrom([]string{"", "acct_hall"}).Draw(t, "account")
			default:
				fees += f
			}
			add(&s, &p)
		}
		settle(&s, rapid.Bool().Draw(t, "over"), rapid.Int64Range(0, 100).Draw(t, "held"), rapid.Int64Range(0, 1_000).Draw(t, "open"), 700)
		if left := s.Due + fees - s.PaidOut + s.Returning - s.Transferred - s.OperatorFees + s.Difference; s.AtGateway != left || s.Fees() != fees {
			t.Fatalf("%d at the gateway, %d by the statement", s.AtGateway, left)
		}
		if s.Reserve < 0 || s.Payout != s.Due-s.Transferred-s.Reserve-s.PaidOut {
			t.Fatalf("%+v", s)
		}
	})
}
