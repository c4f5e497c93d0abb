package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// Honest people give no findings, whatever happens to them, and each line is explained.
func TestNoFalseAlarms(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		o := newOffice(seed)
		o.honest(200)
		r, err := o.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() {
			t.Fatalf("seed %d: %s: %+v", seed, found(r), r.Findings)
		}
		explained := int64(0)
		for _, n := range r.Explained {
			explained += n
		}
		if r.Lines == 0 || explained != r.Lines {
			t.Fatalf("seed %d: %d of %d lines are explained: %v", seed, explained, r.Lines, r.Explained)
		}
	}
}

// What is listed on two pages is counted and reported once, of every kind.
func TestRepeatedLines(t *testing.T) {
	for seed := range uint64(20) {
		o := newOffice(seed)
		s, l, _ := o.captured()
		o.twin(l, 0).Charge = "order-4711"
		o.lines = append(o.lines, provider.Line{ID: "po_1", Kind: provider.Payout, Amount: 4000, Currency: "EUR", At: s.at},
			provider.Line{ID: "bad_1", Kind: "gift", Amount: 1, Currency: "EUR", At: s.at})
		o.lines = append(o.lines, o.lines...)
		r, err := o.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if sum := (paymentapi.DaySum{Currency: "EUR", Captured: 5000, Payout: 4000, Fees: 100}); len(r.Sums) != 1 || r.Sums[0] != sum || r.Lines != 4 {
			t.Errorf("seed %d: %d lines, %+v", seed, r.Lines, r.Sums)
		}
		if found(r) != "bad-line×1 foreign-charge×1" || r.Explained["payout"] != 1 {
			t.Errorf("seed %d: %s, %v", seed, found(r), r.Explained)
		}
	}
}

// planted are discrepancies: each makes one of its kind, and nothing else.
var planted = []struct {
	kind  FindingKind
	plant func(o *office)
}{
	{UnknownPayment, func(o *office) { // restored from an older backup
		s, _, _ := o.captured()
		o.unpost()
		o.hide(s.p.BookingID)
	}},
	{UnknownPayment, func(o *office) { // the second attempt is lost
		s := o.pay(5000, day.Add(8*time.Hour)).giveUp()
		o.again(s.p.BookingID, 5000, day.Add(9*time.Hour)).capture()
		o.unpost()
		o.payments[s.p.BookingID] = o.payments[s.p.BookingID][:1]
	}},
	{UnknownMethod, func(o *office) { _, l, _ := o.captured(); o.twin(l, 7) }},
	{ForeignCharge, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Charge = "order-4711" }},
	{ForeignCharge, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Charge = "" }},
	{CapturedTwice, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0) }},
	{CapturedTwice, func(o *office) { // the day before, and again
		s := o.pay(5000, day.Add(-12*time.Hour)).capture()
		s.at = day.Add(3 * time.Hour)
		s.line(provider.Captured, "", 5000)
	}},
	{TwoMethods, func(o *office) { s, l, _ := o.captured(); s.p.Methods = 2; o.twin(l, 2).Reference = "" }},
	{PaidTwice, func(o *office) {
		s, _, _ := o.captured()
		o.again(s.p.BookingID, 5000, day.Add(13*time.Hour)).capture()
	}},
	{CaptureAmount, func(o *office) { _, l, _ := o.captured(); l.Amount = 5001 }},
	{CaptureCurrency, func(o *office) { _, l, _ := o.captured(); l.Currency = "USD" }},
	{CaptureMissing, func(o *office) { o.captured(); o.forget(1) }},
	{NotReturned, func(o *office) { o.captureAfter(paymentapi.Voided) }},
	{NotReturned, func(o *office) { o.captureAfter(paymentapi.Failed) }},
	{RefundAmount, func(o *office) { o.pay(5000, day.Add(5*time.Hour)).late(); o.lines[len(o.lines)-1].Amount = 4000 }},
	{RefundAmount, func(o *office) { // and the gateway was asked, and says that all is back
		o.pay(5000, day.Add(5*time.Hour)).late().p.Lists = true
		o.lines[len(o.lines)-1].Amount = 4000
	}},
	{RefundAmount, func(o *office) { // a dispute does not make up for it
		s := o.pay(5000, day.Add(5*time.Hour)).late()
		s.p.Lists = true
		o.lines[len(o.lines)-1].Amount = 4000
		s.wait(-10*time.Minute).line(provider.Disputed, "", 500)
	}},
	{FreeCharged, func(o *office) { o.captureAfter(paymentapi.Captured) }},
	{ReferenceDiffers, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Reference = "ch_other" }},
	{BeforePayment, func(o *office) { _, l, _ := o.captured(); t := o.twin(l, 0); t.At = t.At.Add(-3 * time.Hour) }},
	{VoidedButCaptured, func(o *office) { _, l, _ := o.captured(); l.Kind = provider.Voided }},
	{VoidAndCapture, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Kind = provider.Voided }},
	{RefundMissing, func(o *office) { s, _, _ := o.captured(); s.wait(time.Hour).refund(5000); o.forget(1) }},
	{RefundMissing, func(o *office) { // one of two
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(1000).wait(2 * time.Hour).refund(1000)
		o.forget(1)
	}},
	{RefundUnrecorded, func(o *office) { s, _, _ := o.captured(); s.wait(time.Hour).line(provider.Refunded, "", 700) }},
	{RefundUnrecorded, func(o *office) { // one of the same amount was recorded the day before
		s := o.pay(5000, day.Add(-20*time.Hour)).capture().wait(time.Hour).refund(700)
		s.at = day.Add(7 * time.Hour)
		s.line(provider.Refunded, "", 700)
	}},
	{RefundUnrecorded, func(o *office) { // one of the same amount is recorded the day after, by its own line
		s, _, _ := o.captured()
		s.wait(time.Hour).line(provider.Refunded, "", 700)
		s.wait(26 * time.Hour).refund(700)
	}},
	{RefundElsewhere, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(1000)
		o.lines[len(o.lines)-1].Key = ""
		s.p.Movements[len(s.p.Movements)-1].Elsewhere = true
	}},
	{FailureUnrecorded, func(o *office) { // of a refund that was made before the day
		s := o.pay(5000, day.Add(-20*time.Hour)).capture().wait(time.Hour).refund(700)
		s.at = day.Add(7 * time.Hour)
		s.line(provider.RefundFailed, o.lines[len(o.lines)-1].Key, 700)
	}},
	{FailureUnrecorded, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(5000).wait(time.Hour).bounce(5000)
		s.forgetLast()
	}},
	{FailureMissing, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(700).wait(time.Hour).bounce(700)
		o.forget(1)
	}},
	{RefundTwice, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(1000)
		o.twin(&o.lines[len(o.lines)-1], 0)
	}},
	{RefundTwice, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(5000).line(provider.Refunded, "", 5000)
	}},
	{RefundAmount, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(1000)
		o.lines[len(o.lines)-1].Amount = 900
	}},
	{RefundCurrency, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(1000)
		o.lines[len(o.lines)-1].Currency = "USD"
	}},
	{RefundBeyond, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(4000).line(provider.Refunded, "", 1500)
	}},
	{RefundTwice, func(o *office) { // of a payment that was given up, once more by hand
		o.pay(5000, day.Add(5*time.Hour)).late().wait(time.Hour).line(provider.Refunded, "", 5000)
	}},
	{RefundTwice, func(o *office) { // and it was returned the day before
		s := o.pay(5000, day.Add(-20*time.Hour)).late()
		s.at = day.Add(7 * time.Hour)
		s.line(provider.Refunded, "", 5000)
	}},
	{RefundBeyond, func(o *office) { // before the return, by hand
		s := o.pay(5000, day.Add(5*time.Hour))
		s.wait(time.Minute).line(provider.Refunded, "", 4000)
		s.late()
	}},
	{RefundBeyond, func(o *office) { // in parts that are too much
		s := o.pay(5000, day.Add(5*time.Hour)).late()
		o.lines[len(o.lines)-1].Amount = 4000
		s.wait(time.Hour).line(provider.Refunded, "", 4000)
	}},
	{RefundOfNothing, func(o *office) {
		s := o.pay(5000, day.Add(time.Hour))
		s.p.Status = paymentapi.Failed
		s.line(provider.Refunded, "", 5000)
	}},
	{DisputeReturned, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).refund(5000).wait(time.Hour).dispute(false)
	}},
	{DisputeUnrecorded, func(o *office) { s, _, _ := o.captured(); s.wait(time.Hour).line(provider.Disputed, "", 5000) }},
	{DisputeMissing, func(o *office) { s, _, _ := o.captured(); s.wait(time.Hour).dispute(false); o.forget(1) }},
	{DisputeAmount, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).dispute(false)
		o.lines[len(o.lines)-1].Amount = 4000
	}},
	{DisputeCurrency, func(o *office) {
		s, _, _ := o.captured()
		s.wait(time.Hour).dispute(false)
		o.lines[len(o.lines)-1].Currency = "USD"
	}},
	{WonUnrecorded, func(o *office) { o.won(); p := o.last(); p.Movements = p.Movements[:len(p.Movements)-1]; o.unpost() }},
	{WonMissing, func(o *office) { o.won(); o.forget(1) }},
	{WonAmount, func(o *office) { o.won(); o.lines[len(o.lines)-1].Amount = 4000 }},
	{JournalMissing, func(o *office) { o.captured(); o.unpost() }},
	{JournalMissing, func(o *office) { s, _, _ := o.captured(); s.wait(time.Hour).refund(1000); o.unpost() }},
	{JournalExtra, func(o *office) {
		_, _, p := o.captured()
		q := *p
		q.Kind, q.Amount = provider.Refunded, 30
		o.postings = append(o.postings, q)
	}},
	{JournalTwice, func(o *office) { _, _, p := o.captured(); o.postings = append(o.postings, *p) }},
	{JournalAmount, func(o *office) { _, _, p := o.captured(); p.Amount = 4999 }},
	{JournalCurrency, func(o *office) { _, _, p := o.captured(); p.Currency = "USD" }},
	{JournalUnbalanced, func(o *office) { _, _, p := o.captured(); p.Off = 1 }},
	{JournalUnknown, func(o *office) { s, _, _ := o.captured(); o.forget(1); o.hide(s.p.BookingID) }},
	{BadLine, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Kind = "gift" }},
	{BadLine, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Amount = -5000 }},
	{BadLine, func(o *office) { _, l, _ := o.captured(); o.twin(l, 0).Currency = "" }},
	{LineContradicts, func(o *office) {
		_, l, _ := o.captured()
		t := o.twin(l, 0)
		t.ID, t.Fee = o.lines[len(o.lines)-2].ID, 1
	}},
	{Stuck, func(o *office) { o.open = append(o.open, Finding{Kind: Stuck}) }},
	{OtherGateway, func(o *office) { o.open = append(o.open, Finding{Kind: OtherGateway}) }},
	{RefundStuck, func(o *office) { o.open = append(o.open, Finding{Kind: RefundStuck}) }},
	{RefundFailed, func(o *office) { o.open = append(o.open, Finding{Kind: RefundFailed}) }},
}

// twin adds a movement like a line. method 1 keeps nothing of the old line: it restores
// the honest one; 2 makes it one by the second method.
func (o *office) twin(l *provider.Line, method int) *provider.Line {
	c := *l
	c.ID = fmt.Sprintf("mv_%d", len(o.lines)+1)
	if method > 0 {
		c.Charge = c.Charge[:len(c.Charge)-1] + fmt.Sprint(method)
		c.Reference = "ch_" + c.Charge
	}
	o.lines = append(o.lines, c)
	return &o.lines[len(o.lines)-1]
}

// captureAfter is a payment that ended so without money, and was captured nevertheless.
func (o *office) captureAfter(end paymentapi.Status) {
	s := o.pay(5000, day.Add(10*time.Hour))
	s.p.Status, s.p.GivenUp = end, end == paymentapi.Voided
	s.line(provider.Captured, s.charge()+".capture", 5000)
	if end == paymentapi.Captured { // it costs nothing
		s.p.Amount = 0
	}
}

// won is a dispute that was won on the day.
func (o *office) won() {
	o.pay(5000, day.Add(-30*time.Hour)).capture().wait(time.Minute).dispute(true)
}

// last is the payment of the last booking.
func (o *office) last() *Payment {
	booking := bookingOf(o.postings[len(o.postings)-1].Charge)
	return &o.payments[booking][0]
}

// Each planted discrepancy is found among honest payments, as what it is, and nothing
// else is reported.
func TestPlanted(t *testing.T) {
	kinds := map[FindingKind]bool{}
	for i, c := range planted {
		kinds[c.kind] = true
		for seed := range uint64(5) {
			o := newOffice(seed)
			o.honest(60)
			c.plant(o)
			r, err := o.reconcile()
			if err != nil {
				t.Fatal(err)
			}
			if want := string(c.kind) + "×1"; found(r) != want {
				t.Errorf("%d, seed %d: found %q, want %s: %+v", i, seed, found(r), want, r.Findings)
			}
			for _, f := range r.Findings {
				if f.Says == "" || f.Kind != Stuck && f.Kind != RefundStuck && f.Kind != RefundFailed && f.Kind != OtherGateway && f.At.IsZero() {
					t.Errorf("%d: %+v does not say when or what", i, f)
				}
			}
		}
	}
	for _, k := range Kinds() {
		if !kinds[k] && k != NotCompared { // which is made where a comparison fails
			t.Errorf("%s is never planted", k)
		}
	}
	t.Logf("%d kinds of discrepancy, planted in %d ways", len(kinds), len(planted))
}

// The money of a payment that was given up went back by a dispute, which the gateway lists on
// the day when it was opened: asking about the payment tells that it is back.
func TestGivenBackByDispute(t *testing.T) {
	for name, c := range map[string]struct {
		opened time.Time
		lists  bool // the gateway lists refunds, so that the answer says that all is back
		want   string
	}{
		"on the day":        {day.Add(time.Hour), true, ""},
		"weeks before":      {day.AddDate(0, 0, -20), true, ""},
		"it cannot be said": {day.AddDate(0, 0, -20), false, "refund-missing×1"},
	} {
		o := newOffice(1)
		o.honest(20)
		s := o.pay(5000, c.opened).late()
		o.forget(1) // the refund
		s.at = c.opened.Add(30 * time.Minute)
		s.line(provider.Disputed, "", 5000)
		s.p.Lists = c.lists
		s.p.Movements[1].At = day.Add(20 * time.Hour).UnixMicro()
		s.p.UpdatedAt, o.postings[len(o.postings)-1].At = s.p.Movements[1].At, s.p.Movements[1].At
		if r, err := o.reconcile(); err != nil || found(r) != c.want || len(o.asked) == 0 {
			t.Errorf("%s: %v, %s, asked about %v", name, err, found(r), o.asked)
		}
	}
}

// A dispute over money that was refunded only after it was won is none of money that was back,
// also when its day is compared again.
func TestDisputeWonThenRefunded(t *testing.T) {
	o := newOffice(1)
	s, _, _ := o.captured()
	s.wait(time.Hour).dispute(true).wait(time.Hour).refund(5000)
	if r, err := o.reconcile(); err != nil || found(r) != "" {
		t.Error(err, found(r))
	}
}

// Many findings of one kind do not keep the others out of the list, and all are counted.
func TestManyFindingsHideNoOthers(t *testing.T) {
	o := newOffice(1)
	for range 3000 { // as while refunds are paused
		o.open = append(o.open, Finding{Kind: RefundStuck})
	}
	o.open = append(o.open, Finding{Kind: RefundFailed, Refund: "event:7"})
	r, err := o.reconcile()
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Findings[len(r.Findings)-1]; r.Count() != 3001 || len(r.Findings) != MaxFindings+1 || last.Refund != "event:7" {
		t.Errorf("%s: %d listed, the last is %+v", found(r), len(r.Findings), last)
	}
}

// What is wrong on other days is not reported on this one.
func TestOtherDays(t *testing.T) {
	for i, c := range planted {
		if c.kind == Stuck || c.kind == RefundStuck || c.kind == RefundFailed || c.kind == OtherGateway {
			continue
		}
		o := newOffice(1)
		o.honest(20)
		c.plant(o)
		for _, d := range []int{-5, 5} {
			r, err := Run(context.Background(), Sources{Gateway: o, Journal: o, Record: o, Now: func() time.Time { return o.now.AddDate(0, 0, 30) }},
				day.AddDate(0, 0, d), day.AddDate(0, 0, d+1))
			if err != nil || !r.OK() {
				t.Errorf("%d (%s): %v, %s", i, c.kind, err, found(r))
			}
		}
	}
}

// What the gateway did a moment ago is not reported before it can be recorded.
func TestNotYet(t *testing.T) {
	o := newOffice(1)
	_, _, _ = o.captured()
	o.unpost()
	p := &o.payments[bookingOf(o.lines[0].Charge)][0]
	p.Status, p.Movements = paymentapi.Voided, nil
	o.now = o.lines[0].At.Add(grace - time.Second)
	if r, err := o.reconcile(); err != nil || !r.OK() || r.Lines != 0 {
		t.Fatal(err, found(r))
	}
	o.now = o.lines[0].At.Add(grace + time.Second)
	if r, err := o.reconcile(); err != nil || found(r) != "not-returned×1" {
		t.Fatal(err, found(r))
	}
	o.now = day.Add(-time.Hour)
	if r, err := o.reconcile(); err != nil || !r.OK() {
		t.Fatal(err, found(r))
	}
}

// Without the gateway's list, the record is compared with the journal.
func TestUnlisted(t *testing.T) {
	o := newOffice(1)
	o.honest(100)
	_, _, p := o.captured()
	p.Amount = 1
	r, err := Run(context.Background(), Sources{Journal: o, Record: o, Now: func() time.Time { return o.now }}, day, day.AddDate(0, 0, 1))
	if err != nil || !r.Unlisted || found(r) != "journal-amount×1" {
		t.Fatal(err, found(r))
	}
}

// Movements from before there was a journal have no postings.
func TestBeforeTheJournal(t *testing.T) {
	o := newOffice(1)
	o.captured()
	o.unpost()
	o.since = day.Add(14 * time.Hour)
	if r, err := o.reconcile(); err != nil || !r.OK() {
		t.Fatal(err, found(r))
	}
}

// A list that ends in an error is no list: nothing is reported.
func TestListCutOff(t *testing.T) {
	o := newOffice(1)
	o.honest(10)
	cut := errors.New("cut off")
	_, err := Run(context.Background(), Sources{Gateway: broken{o, cut}, Journal: o, Record: o, Now: func() time.Time { return o.now }}, day, day.AddDate(0, 0, 1))
	if !errors.Is(err, cut) {
		t.Fatal(err)
	}
}

type broken struct {
	*office
	err error
}

func (b broken) Lines(ctx context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		for l, err := range b.office.Lines(ctx, from, to) {
			if !yield(l, err) {
				return
			}
		}
		yield(provider.Line{}, b.err)
	}
}
