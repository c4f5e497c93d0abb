package shop

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// payPath is where the buyer of a purchase pays.
const payPath = "/pay/"

// payPage lets the buyer choose a method. Card numbers never reach this server: the
// gateway's fields are frames of its own, and what comes back is a token.
func (s *Shop) payPage(v *page.Visit) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	if v.Caller.Visiting() || !held(&p.Booking, v.Now()) || p.Amount == 0 || v.FreeOnly() {
		return v.Go(checkoutPath(p.ID))
	}
	attempt := int64(0)
	if p.Payment != nil {
		attempt = p.Payment.Attempt()
	}
	meta := page.Meta{Title: v.T("pay.title"), NoIndex: true}
	if !s.Form.Simulated {
		meta.Title = v.T("pay.real")
	}
	if f := s.Form.Fields; f != nil {
		meta.Others = page.Others{Scripts: f.Scripts, Frames: f.Frames, Hosts: f.Hosts, Images: f.Images}
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, "pay", meta, map[string]any{
		"Purchase": p, "Attempt": attempt, "Form": s.Form, "Title": meta.Title, "Script": s.payScript(), "Return": s.site.URL(checkoutPath(p.ID) + "/wait"),
	})
}

// payScript is the path of the script of the gateway's fields; "" if there are none.
func (s *Shop) payScript() string {
	if s.Form.Fields == nil {
		return ""
	}
	sum := sha256.Sum256(s.Form.Fields.Script)
	return "/pay-form." + hex.EncodeToString(sum[:5]) + ".js"
}

// payRoutes are the pay page and its script.
func (s *Shop) payRoutes() []page.Route {
	list := []page.Route{page.Get(payPath+"{booking}", s.payPage), page.Post(payPath+"{booking}", s.paid)}
	if s.Form.Fields != nil {
		list = append(list, page.File(s.payScript(), func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			h.Set("Content-Type", "text/javascript; charset=utf-8")
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = w.Write(s.Form.Fields.Script) // fails when the client has gone
			return nil
		}))
	}
	return list
}

// token is the method that the buyer has chosen; "" if none.
func (s *Shop) token(r *http.Request) string {
	token := r.PostFormValue("token")
	if s.Form.Fields == nil && !slices.Contains(s.Form.Buttons, token) {
		return ""
	}
	return clip(token, 255)
}

// paid processes the answer of the pay page. Sending the same form again leads to
// the same payment, since the key is made from the attempt and the amount that the
// buyer has seen.
func (s *Shop) paid(v *page.Visit) error {
	id := v.PathValue("booking")
	here := checkoutPath(id)
	if !v.Caller.SignedIn() {
		return toSignIn(v, here)
	}
	token := s.token(v.Request)
	if token == "" {
		p, err := s.purchase(v)
		if p == nil {
			return err
		}
		if p.Amount != 0 {
			return v.Go(here)
		} // seats that cost nothing: there is nothing to ask a gateway
		if _, asked := v.Request.PostForm["phone"]; asked && s.Texts {
			if ok, err := s.phoneOf(v, p); !ok {
				return err
			}
		}
	}
	if err := s.Users.Speaks(v.Context(), v.Caller); err != nil { // the mail may be in another language then
		s.log.ErrorContext(v.Context(), "a buyer's language was not noted", "error", err)
	}
	key := id + "page-" + clip(v.PostFormValue("attempt"), 8) + "-" + clip(v.PostFormValue("amount"), 20) + "-" + token
	others := v.PostFormValue("alternatives") == "yes"
	if others {
		key += "-others"
	}
	pay, err := s.Paying.Pay(v.Context(), v.Caller, key, paymentapi.PayRequest{BookingID: id, Method: token, Amount: agreed(v.Request), Alternatives: others})
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
		return v.Go(here + "/wait?" + approveFirst)
	case errs.Is(err, "too-many-payments"):
		v.Notice("too-many-payments")
		return v.Go(here)
	case errs.Is(err, "too-many-failed-payments"):
		v.Notice("too-many-failed-payments")
		return v.Go(here)
	case errs.Is(err, "amount-differs"): // another tab has changed the seats
		v.Notice("amount-differs")
		return v.Go(here)
	case kind == errs.PaymentRequired, kind == errs.Conflict, errs.Is(err, "address-not-verified"):
		return v.Go(here) // the checkout shows the current state
	}
	return err
}

// agreed returns the amount that the pay page showed; nil if the form has none. A
// manipulated value agrees to no amount.
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

// approveFirst in the query of the page that waits sends the buyer on to where the payment
// is to be approved. Without it, they have come back from there. It is a page that sends
// them, because a redirect of the form would have to be allowed by its policy, for sites
// that nobody knows: the buyers' banks.
const approveFirst = "approve"

// waitPage is the data of the page that waits.
type waitPage struct {
	*Purchase
	Approve string // where the payment is to be approved; "": nowhere, or not known yet
	First   bool   // the buyer was not there yet
	Late    bool   // the hold has ended meanwhile
}

// wait shows that a payment takes a while, or where it is to be approved. The page reloads
// itself; its script asks where to continue.
func (s *Shop) wait(v *page.Visit) error {
	id := v.PathValue("booking")
	if !v.Caller.SignedIn() {
		return toSignIn(v, checkoutPath(id)+"/wait")
	}
	p, err := s.Orders.purchase(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	if p.underWay() { // a payment that its buyer looks at is asked about sooner
		if now, err := s.Payments.OfBooking(v.Context(), v.Caller, id); err == nil {
			p.Payment = &now
		}
	}
	w := waitPage{Purchase: &p, First: v.Request.URL.Query().Has(approveFirst), Late: !p.Live(v.Now())}
	next := ""
	if !p.underWay() {
		if next = p.elsewhere(); next == "" {
			next = checkoutPath(id)
		} else if p.Payment != nil && p.Payment.Status == paymentapi.Captured {
			v.Notice("paid")
		}
	} else if u, err := url.Parse(p.Payment.ApproveAt); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		w.Approve = p.Payment.ApproveAt
	}
	switch {
	case v.WantsJSON() && next == "" && w.First:
		return v.JSON(map[string]string{"next": w.Approve})
	case v.WantsJSON() && w.Approve != "":
		return v.JSON(map[string]string{"next": next, "approve": w.Approve})
	case v.WantsJSON():
		return v.JSON(map[string]string{"next": next})
	case next != "":
		return v.Go(next)
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, "wait", page.Meta{Title: v.T("wait.title"), NoIndex: true}, w)
}
