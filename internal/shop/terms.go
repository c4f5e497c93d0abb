package shop

import (
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
)

// refundStep is what a buyer gets back for all seats of an order, if they cancel until
// then.
type refundStep struct {
	Until    time.Time // in the event's zone; zero: for good
	Amount   int64
	Currency string
}

// refundSteps are the terms of an order in amounts; nil if all of it always goes back, or
// nothing any more.
func refundSteps(list []bookingapi.BackUntil, amount int64, currency string, zone *time.Location) []refundStep {
	if len(list) == 0 || len(list) == 1 && list[0].Amount == amount {
		return nil
	}
	steps := make([]refundStep, len(list))
	for i, b := range list {
		steps[i] = refundStep{Amount: b.Amount, Currency: currency}
		if b.Until != 0 {
			steps[i].Until = time.UnixMicro(b.Until).In(zone)
		}
	}
	return steps
}

// RefundSteps are what goes back of the order by when it is cancelled, if that differs.
func (o *orderPage) RefundSteps() []refundStep {
	return refundSteps(o.Refunds, o.Amount, o.Currency, o.zone())
}

// termsOf describes what is kept of cancelled seats of an event, in words; nil if nothing
// ever is.
func termsOf(v *page.Visit, e *eventapi.Event, zone *time.Location) (lines []string) {
	if len(e.CancelFees) == 0 {
		return nil
	}
	when := func(t time.Time) string { return locale.When(v.Lang, t.In(zone), locale.Full) }
	if first := e.CancelFees[0].From; first != nil {
		lines = append(lines, v.T("policy.terms.free", "Time", when(*first)))
	}
	for i := range e.CancelFees {
		fee := &e.CancelFees[i]
		if kept := keptIn(v, fee, e.Prices.Currency); fee.From == nil {
			lines = append(lines, v.T("policy.terms.always", "Kept", kept))
		} else {
			lines = append(lines, v.T("policy.terms.from", "Time", when(*fee.From), "Kept", kept))
		}
	}
	if !e.RefundsEnd.IsZero() {
		lines = append(lines, v.T("policy.terms.end", "Time", when(e.RefundsEnd)))
	}
	return lines
}

// keptIn names what is kept of a seat.
func keptIn(v *page.Visit, fee *eventapi.CancellationFee, currency string) string {
	rate := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(float64(fee.FeeRate)/100, 'f', 2, 64), "0"), ".")
	if v.Lang == "de" {
		rate = strings.ReplaceAll(rate, ".", ",")
	}
	fixed := locale.Money(v.Lang, fee.FeeFixed, currency)
	switch {
	case fee.FeeRate == 0 && fee.FeeFixed == 0:
		return v.T("policy.kept.nothing")
	case fee.FeeFixed == 0:
		return v.T("policy.kept.rate", "Rate", rate)
	case fee.FeeRate == 0:
		return v.T("policy.kept.fixed", "Fixed", fixed)
	}
	return v.T("policy.kept.both", "Rate", rate, "Fixed", fixed)
}
