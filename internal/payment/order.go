package payment

import (
	"strconv"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// Limits of what a request may say.
const (
	maxMethod = 64
	maxKey    = 255
)

// order is a request for a payment with its idempotency key, which counts for its
// caller alone; "" for none.
type order struct {
	paymentapi.PayRequest
	Key string
}

// fingerprint tells requests with one key apart.
func (o *order) fingerprint() []byte {
	if o.Amount == nil {
		return digest(o.BookingID, o.Method)
	}
	return digest(o.BookingID, o.Method+"\x00"+strconv.FormatInt(*o.Amount, 10))
}

// agrees reports whether the buyer has agreed to an amount.
func (o *order) agrees(amount int64) bool { return o.Amount == nil || *o.Amount == amount }

// check names every field that is wrong. It repeats no values: somebody may have put a
// card number there.
func (o *order) check() error {
	var bad []errs.Field
	if reason := checkBookingID(o.BookingID); reason != "" {
		bad = append(bad, errs.Field{Name: "booking_id", Code: "not-an-id", Reason: reason})
	}
	if reason := checkMethod(o.Method); reason != "" && o.Method != "" {
		bad = append(bad, errs.Field{Name: "method", Code: "not-a-token", Reason: reason})
	}
	if o.Amount != nil && *o.Amount < 0 {
		bad = append(bad, errs.Field{Name: "amount", Code: "negative", Reason: "must not be negative"})
	}
	if reason := checkKey(o.Key); reason != "" {
		bad = append(bad, errs.Field{Name: "Idempotency-Key", Code: "bad-key", Reason: reason})
	}
	return errs.Fields(bad)
}

func checkBookingID(s string) string {
	switch {
	case s == "":
		return "is required"
	case !id.ValidBooking(s):
		return "is not the id of a booking"
	}
	return ""
}

// noMethod says what is missing where something has to be paid.
const noMethod = "is required: a token of the payment gateway, such as tok_ok"

// checkOver is checkMethod of a payment over an amount.
func checkOver(method string, amount int64) string {
	if method == paymentapi.Free && amount != 0 {
		return noMethod
	}
	return checkMethod(method)
}

// checkMethod accepts a gateway's token: a letter, then letters, digits and
// underscores. A card number is refused in whatever it is wrapped.
func checkMethod(s string) string {
	switch {
	case s == "":
		return noMethod
	case holdsCardNumber(s):
		return "holds a card number: send only a token of the payment gateway"
	case len(s) > maxMethod:
		return "is longer than 64 characters"
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return "is not a token of the payment gateway, such as tok_ok"
		}
	}
	return ""
}

func checkKey(s string) string {
	switch {
	case len(s) > maxKey && utf8.RuneCountInString(s) > maxKey:
		return "is longer than 255 characters"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return "has a control character"
		}
	}
	return ""
}

// holdsCardNumber finds 12 to 19 digits (ISO/IEC 7812), perhaps grouped by
// spaces, dots, dashes or underscores, that pass the Luhn check.
func holdsCardNumber(s string) bool {
	digits := make([]byte, 0, 32)
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			digits = append(digits, s[i]-'0')
		case i < len(s) && (s[i] == ' ' || s[i] == '.' || s[i] == '-' || s[i] == '_'):
		default:
			if len(digits) >= 12 && anyLuhn(digits) {
				return true
			}
			digits = digits[:0]
		}
	}
	return false
}

// anyLuhn reports whether 12 to 19 digits in a row pass the Luhn check: all of
// a short run, since a longer run may hide a number anywhere within.
func anyLuhn(digits []byte) bool {
	if len(digits) <= 19 {
		return luhn(digits)
	}
	for from := 0; from+12 <= len(digits); from++ {
		for n := 12; n <= 19 && from+n <= len(digits); n++ {
			if luhn(digits[from : from+n]) {
				return true
			}
		}
	}
	return false
}

func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		v := int(d)
		if (len(digits)-i)%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
