package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// orderToken lets whoever has it read one booking, without an account: it goes
// into the link of the mail that a guest gets. It is derived from the signing
// key, so that nothing has to be stored.
func (s *Service) orderToken(bookingID string) string {
	mac := hmac.New(sha256.New, s.key.Seed())
	mac.Write([]byte("order:" + bookingID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// OrderPath is the signed link to a booking, below the public URL.
func (s *Service) OrderPath(bookingID string) string {
	return "/bookings/" + bookingID + "?token=" + s.orderToken(bookingID)
}

// holdsToken reports whether a token belongs to a booking. A wrong one is as if
// there were no booking.
func (s *Service) holdsToken(bookingID, token string) error {
	if !hmac.Equal([]byte(token), []byte(s.orderToken(bookingID))) {
		return errs.Missing("booking")
	}
	return nil
}

// refundableUntil is until when a booked booking's owner may give it back, µs
// since 1970; 0: without an end. The event's policy may have changed since the
// seats were bought; what counts is what it says now.
func refundableUntil(b *message.Booking, sale *message.Sale) int64 {
	end := sale.RefundsEnd
	if b.CreatedAt < sale.ChangedAt && end != 0 {
		if sale.ChangeRefundsEnd == 0 {
			return 0
		}
		end = max(end, sale.ChangeRefundsEnd)
	}
	return end
}
