package event

import (
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
)

// cancelFees reads the column cancellation_fees.
type cancelFees []bookingapi.CancelFee

// Scan implements sql.Scanner.
func (f *cancelFees) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("cancellation fees are a %T", src)
	}
	*f = nil
	if text == "" {
		return nil
	}
	return codec.ReadKnown([]byte(text), (*[]bookingapi.CancelFee)(f))
}

// feesText is the value of the column cancellation_fees.
func feesText(list []bookingapi.CancelFee) string {
	if len(list) == 0 {
		return ""
	}
	raw, err := codec.Marshal(list)
	if err != nil {
		panic(err) // a struct of integers
	}
	return string(raw)
}

// maxCancelFees is how many steps the terms of an event may have.
const maxCancelFees = 10

// cancelFees checks what is kept of cancelled seats, and returns it for the sale.
func (f *faults) cancelFees(e *stored, list []eventapi.CancellationFee) []bookingapi.CancelFee {
	if len(list) > maxCancelFees {
		f.Add("cancellation_fees", "too-many", "must be at most %d", maxCancelFees)
		return nil
	}
	var out []bookingapi.CancelFee
	for i, one := range list {
		path := fmt.Sprintf("cancellation_fees[%d].", i)
		fee := bookingapi.CancelFee{Rate: one.FeeRate, Fixed: one.FeeFixed}
		switch {
		case one.From == nil && i > 0:
			f.Add(path+"from", "required", "is required for all steps but the first")
		case one.From != nil && f.Within(path+"from", *one.From):
			fee.From = one.From.UnixMicro()
		}
		if fee.From != 0 && i > 0 && fee.From <= out[i-1].From {
			f.Add(path+"from", "not-ascending", "must be after the step before it")
		}
		if end := e.sale().RefundsEnd; fee.From != 0 && end != 0 && fee.From >= end {
			f.Add(path+"from", "after-the-deadline", "must be before refundable_until")
		}
		if fee.Rate < 0 || fee.Rate > 10_000 {
			f.Add(path+"fee_rate", "out-of-range", "must be %d to %d", 0, 10_000)
		}
		if fee.Fixed < 0 || fee.Fixed > money.Max {
			f.Add(path+"fee_fixed", "too-expensive", "must be 0 to %d minor units", int64(money.Max))
		}
		out = append(out, fee)
	}
	return out
}

// showFees returns the fees as readers see them.
func showFees(list []bookingapi.CancelFee) []eventapi.CancellationFee {
	var out []eventapi.CancellationFee
	for _, f := range list {
		one := eventapi.CancellationFee{FeeRate: f.Rate, FeeFixed: f.Fixed}
		if f.From != 0 {
			at := time.UnixMicro(f.From).UTC()
			one.From = &at
		}
		out = append(out, one)
	}
	return out
}
