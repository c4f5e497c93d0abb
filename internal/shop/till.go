package shop

import (
	"net/http"
	"slices"
	"strconv"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// Till is where buyers pay: a gateway's page or form. A real gateway takes the
// place of the sandbox by sending buyers to its own page, or to one of this
// server's that holds its form, and by reading the token that comes back. Card
// numbers never come here.
type Till interface {
	// Path is where the buyer of a purchase pays.
	Path(p *Purchase) string
	// Token is what came back from there, to pay with; "" when the buyer has
	// turned round. The form value amount, if there is one, is what was shown there, in
	// minor units: nothing else is charged.
	Token(r *http.Request) string
}

// sandboxTill is the pay page of the sandbox gateway: its buttons decide what the
// gateway says. No money moves.
type sandboxTill struct{}

const sandboxPath = "/pay/"

// sandboxTokens are the sandbox's, in the order of the page's buttons.
var sandboxTokens = []string{paymentapi.SandboxOK, paymentapi.SandboxDecline, paymentapi.SandboxSlow}

func (sandboxTill) Path(p *Purchase) string { return sandboxPath + p.ID }

func (sandboxTill) Token(r *http.Request) string {
	if token := r.PostFormValue("token"); slices.Contains(sandboxTokens, token) {
		return token
	}
	return ""
}

// sandboxPage asks how the sandbox shall decide.
func (s *Shop) sandboxPage(v *page.Visit) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	if v.Caller.Visiting() || !held(&p.Booking, v.Now()) || p.Amount == 0 {
		return v.Go(checkoutPath(p.ID))
	}
	attempt := int64(0)
	if p.Payment != nil {
		attempt = p.Payment.Attempt()
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, "pay", page.Meta{Title: v.T("pay.title"), NoIndex: true}, map[string]any{
		"Purchase": p, "Attempt": attempt, "Tokens": sandboxTokens,
	})
}

// paid takes what came back from the till. The same form sent again comes to the
// same payment, since its key is made of the attempts and the amount that the buyer has seen.
func (s *Shop) paid(v *page.Visit) error {
	id := v.PathValue("booking")
	here := checkoutPath(id)
	if !v.Caller.SignedIn() {
		return toSignIn(v, here)
	}
	token := s.till.Token(v.Request)
	if token == "" {
		p, err := s.purchase(v)
		if p == nil {
			return err
		}
		if p.Amount != 0 {
			return v.Go(here)
		} // seats that cost nothing: there is nothing to ask a gateway
	}
	key := id + "page-" + clip(v.PostFormValue("attempt"), 8) + "-" + clip(v.PostFormValue("amount"), 20) + "-" + token
	pay, err := s.Paying.Pay(v.Context(), v.Caller, key, paymentapi.PayRequest{BookingID: id, Method: token, Amount: agreed(v.Request)})
	switch kind := errs.KindOf(err); {
	case err == nil && pay.Status == paymentapi.Captured && token == "":
		v.Notice("confirmed")
		return v.Go("/orders/" + id)
	case err == nil && pay.Status == paymentapi.Captured:
		v.Notice("paid")
		return v.Go("/orders/" + id)
	case err == nil && pay.Status == paymentapi.Refunded, errs.Is(err, "already-paid"), errs.Is(err, "already-booked"):
		return v.Go("/orders/" + id)
	case err == nil, errs.Is(err, "payment-under-way"):
		return v.Go(here + "/wait")
	case errs.Is(err, "too-many-payments"):
		v.Notice("too-many-payments")
		return v.Go(here)
	case errs.Is(err, "amount-differs"): // another tab has changed the seats
		v.Notice("amount-differs")
		return v.Go(here)
	case kind == errs.PaymentRequired, kind == errs.Conflict, errs.Is(err, "address-not-verified"):
		return v.Go(here) // which says how things are
	}
	return err
}

// agreed is the amount that the till has shown; nil if it does not say. A form that
// somebody has tampered with agrees to nothing.
func agreed(r *http.Request) *int64 {
	shown, ok := r.PostForm["amount"]
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(shown[0], 10, 64)
	if err != nil || n < 0 {
		n = 0
	}
	return &n
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// wait waits for a payment that takes its time. The page comes back by itself;
// its script asks where to go on.
func (s *Shop) wait(v *page.Visit) error {
	id := v.PathValue("booking")
	if !v.Caller.SignedIn() {
		return toSignIn(v, checkoutPath(id)+"/wait")
	}
	p, err := s.Orders.purchase(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	next := ""
	if !p.underWay() {
		if next = p.elsewhere(); next == "" {
			next = checkoutPath(id)
		} else if p.Payment != nil && p.Payment.Status == paymentapi.Captured {
			v.Notice("paid")
		}
	}
	switch {
	case v.WantsJSON():
		return v.JSON(map[string]string{"next": next})
	case next != "":
		return v.Go(next)
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, "wait", page.Meta{Title: v.T("wait.title"), NoIndex: true}, p)
}
