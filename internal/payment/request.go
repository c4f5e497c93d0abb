package payment

import (
	"strconv"
	"unicode/utf8"

	"boxoffice/internal/cards"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// Limits of what a request may say.
const (
	maxMethod = 64
	maxKey    = 255
)

// request asks for a payment. Its idempotency key is private to its caller; "" for
// none.
type request struct {
	paymentapi.PayRequest
	Key  string
	Lang string // one of locale.Languages; "": the request does not say
}

// fingerprint tells apart requests with the same key.
func (r *request) fingerprint() []byte {
	what := r.Method
	if r.Amount != nil {
		what += "\x00" + strconv.FormatInt(*r.Amount, 10)
	}
	if r.Alternatives {
		what += "\x00alternatives"
	}
	return digest(r.BookingID, what)
}

// agrees reports whether the buyer has agreed to an amount.
func (r *request) agrees(amount int64) bool { return r.Amount == nil || *r.Amount == amount }

// check lists all wrong fields. It repeats no values, since they may contain a card
// number.
func (r *request) check() error {
	var bad []errs.Field
	if reason := checkBookingID(r.BookingID); !reason.None() {
		bad = append(bad, reason.In("booking_id"))
	}
	if reason := checkMethod(r.Method); !reason.None() && r.Method != "" {
		bad = append(bad, reason.In("method"))
	}
	if r.Amount != nil && *r.Amount < 0 {
		bad = append(bad, errs.Field{Name: "amount", Code: "negative", Reason: "must not be negative"})
	}
	if reason := checkKey(r.Key); !reason.None() {
		bad = append(bad, reason.In("Idempotency-Key"))
	}
	return errs.Fields(bad)
}

func checkBookingID(s string) errs.Reason {
	switch {
	case s == "":
		return errs.Why("required", "is required")
	case !id.ValidBooking(s):
		return errs.Why("not-an-id", "is not the id of a booking")
	}
	return errs.Reason{}
}

// noMethod says what is missing where something has to be paid.
const noMethod = "is required: a token of the payment gateway"

// checkOver is checkMethod of a payment over an amount.
func checkOver(method string, amount int64) errs.Reason {
	if method == paymentapi.Free && amount != 0 {
		return errs.Why("required", noMethod)
	}
	return checkMethod(method)
}

// checkMethod accepts a gateway's token: a letter, then letters, digits and
// underscores. A card number is refused in whatever it is wrapped.
func checkMethod(s string) errs.Reason {
	switch {
	case s == "":
		return errs.Why("required", noMethod)
	case cards.InToken(s):
		return errs.Why("card-number", "holds a card number: send only a token of the payment gateway")
	case len(s) > maxMethod:
		return errs.Why("too-long", "is longer than %d characters", maxMethod)
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return errs.Why("not-a-token", "is not a token of the payment gateway: a letter, then letters, digits and _")
		}
	}
	return errs.Reason{}
}

func checkKey(s string) errs.Reason {
	switch {
	case len(s) > maxKey && utf8.RuneCountInString(s) > maxKey:
		return errs.Why("too-long", "is longer than %d characters", maxKey)
	case !utf8.ValidString(s):
		return errs.Why("not-utf8", "is not UTF-8")
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return errs.Why("control-character", "has a control character")
		}
	}
	return errs.Reason{}
}
