package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/payment/provider"
)

// maxKeys is how many idempotency keys of its own a request may use up by errors of
// Stripe's. After that it takes spare keys, one for each span of time, so that a longer
// outage at Stripe stops nothing until the keys are forgotten.
const maxKeys = 9

// How long a spare key lasts. Objects are created with the same one for longer: two that
// are created for one charge should be far enough apart to be found by search.
const (
	spareStep   = time.Minute
	spareCreate = 5 * time.Minute
)

// spare names the span of time that spare keys belong to.
func (g *Gateway) spare(span time.Duration) string {
	return strconv.FormatInt(g.now().UnixNano()/int64(span), 10)
}

// send makes a request with an idempotency key derived from a step's. Stripe repeats what
// it has answered to a key, also an internal error, and that it was too early for the
// request: for ever, nothing would happen. So a repeated error moves on to the next key.
// That is safe only for requests of which a second one changes nothing; see makeRefund for
// another.
//
// replayed says that the answer is of an earlier request, and may be out of date.
func send[T any](key, spare string, request func(key *string) (*T, *stripe.APIResponse, error)) (v *T, replayed bool, err error) {
	for n := 1; n <= maxKeys+1; n++ {
		k := numbered(key, n)
		if n > maxKeys {
			k = key + "#t" + spare
		}
		var res *stripe.APIResponse
		var spent bool
		v, res, err = request(&k)
		if replayed, spent = repeats(res, err); !spent {
			return v, replayed, err
		}
	}
	return v, replayed, err
}

// numbered is the nth of the idempotency keys that are derived from one.
func numbered(key string, n int) string {
	if n == 1 {
		return key
	}
	return key + "#" + strconv.Itoa(n) // no step's own key has this sign
}

// repeats reports whether Stripe has repeated an answer to an idempotency key, and whether
// the key is spent: the answer is an error, and would be repeated for ever.
func repeats(res *stripe.APIResponse, err error) (replayed, spent bool) {
	said := refusal(err)
	if said != nil {
		res = said.LastResponse
	}
	replayed = res != nil && res.Header.Get("Idempotent-Replayed") == "true"
	return replayed, replayed && said != nil && (said.HTTPStatusCode >= http.StatusInternalServerError || said.Type == stripe.ErrorTypeInvalidRequest)
}

// refusal returns an error in Stripe's own form; nil if an answer was lost, or came from
// somebody else, such as a proxy.
func refusal(err error) *stripe.Error {
	var e *stripe.Error
	if errors.As(err, &e) && e.Type != "" {
		return e
	}
	return nil
}

// unclear wraps an error without the text of Stripe's, which may repeat what was sent.
func unclear(step string, err error) error {
	if e := refusal(err); e != nil {
		err = fmt.Errorf("stripe: %s: %s %s (status %d, request %s)", step, e.Type, e.Code, e.HTTPStatusCode, e.RequestID)
		if e.Code == stripe.ErrorCodeRateLimit {
			err = &provider.Busy{After: retryAfter(e), Err: err}
		}
		return err
	}
	return fmt.Errorf("stripe: %s: %w", step, err)
}

// retryAfter is how long Stripe wants to be left alone; 0 if it does not say.
func retryAfter(e *stripe.Error) time.Duration {
	if e.LastResponse == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(e.LastResponse.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// invalid reports whether Stripe has refused the content of a request: it will never
// accept it. Wrong keys, limits of rates and locks are not about the content.
func invalid(err error) (*stripe.Error, bool) {
	e := refusal(err)
	return e, e != nil && e.Type == stripe.ErrorTypeInvalidRequest && (e.HTTPStatusCode == http.StatusBadRequest || e.HTTPStatusCode == http.StatusNotFound)
}

// reason is the short code of a refusal.
func reason(code, decline string) string {
	switch {
	case decline != "" && code == string(stripe.ErrorCodeCardDeclined) && decline != "generic_decline":
		return decline
	case code != "":
		return code
	}
	return "refused"
}

func declined(why string) provider.Outcome { return provider.Outcome{Reason: why} }

// whole checks that an answer is the intent that was asked for: a proxy may answer with
// JSON of its own.
func whole(pi *stripe.PaymentIntent, err error) error {
	if err == nil && (pi == nil || pi.ID == "" || pi.Object != "payment_intent" || pi.Status == "") {
		return errors.New("the answer is not a payment intent")
	}
	return err
}
