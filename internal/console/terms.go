package console

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
)

// mostFees is how many cancellation fees an event's form has room for.
const mostFees = 10

// feeField is the name of a field of a cancellation fee.
func feeField(i int, name string) string { return fmt.Sprintf("cancellation_fees[%d].%s", i, name) }

// feeTyped reports whether anything was typed into the row of a cancellation fee.
func (f *form) feeTyped(i int) bool {
	return f.Value(feeField(i, "from"))+f.Value(feeField(i, "fee_rate"))+f.Value(feeField(i, "fee_fixed")) != ""
}

// FeeRows are the rows of cancellation fees that the form shows: those that are filled in,
// and one more.
func (f *form) FeeRows() []int {
	last := -1
	for i := range mostFees {
		if f.feeTyped(i) {
			last = i
		}
	}
	rows := make([]int, min(last+2, mostFees))
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// cancelFees parses what is kept of cancelled seats. It ignores empty rows.
func (f *form) cancelFees(d *eventapi.NewEvent, read func(field string) *time.Time) (bad []errs.Field) {
	code := strings.ToUpper(strings.TrimSpace(f.Value("currency")))
	for i := range mostFees {
		if !f.feeTyped(i) {
			continue
		}
		fee, ok := eventapi.CancellationFee{From: f.stored(i, read(feeField(i, "from")))}, false
		if fee.FeeRate, ok = hundredths(f.Value(feeField(i, "fee_rate"))); !ok {
			bad = append(bad, errs.Field{Name: feeField(i, "fee_rate"), Code: "not-a-rate", Reason: "must be a rate from 0 to 100"})
		}
		if text := strings.TrimSpace(f.Value(feeField(i, "fee_fixed"))); text != "" {
			n, err := money.FromDecimal(strings.ReplaceAll(text, ",", "."), code)
			var reason errs.Reason
			if errors.As(err, &reason) && money.Known(code) { // otherwise the currency is wrong
				bad = append(bad, reason.In(feeField(i, "fee_fixed")))
			}
			fee.FeeFixed = n
		}
		d.CancellationFees = append(d.CancellationFees, fee)
	}
	return bad
}

// stored is the time of a fee as the event has it, if the form shows the same minute.
func (f *form) stored(i int, t *time.Time) *time.Time {
	if f.Event == nil || t == nil || i >= len(f.Event.CancelFees) {
		return t
	}
	if was := f.Event.CancelFees[i].From; was != nil && was.Truncate(time.Minute).Equal(t.Truncate(time.Minute)) {
		return was
	}
	return t
}
