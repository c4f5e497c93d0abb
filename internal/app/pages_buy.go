package app

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/payment"
	"boxoffice/internal/shop"
)

// Pay pays with a token of the gateway what the buyer was shown, if that is known.
func (p onPage) Pay(ctx context.Context, caller caller.Caller, bookingID, token, key string, amount *int64) (shop.Payment, error) {
	pay, err := p.Payments.Pay(ctx, caller, payment.Order{BookingID: bookingID, Method: token, Key: bookingID + key, Amount: amount})
	return shop.Payment{Attempt: pay.Attempt, Status: string(pay.Status), Reason: pay.Reason}, err
}
