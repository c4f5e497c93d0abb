package payment

import (
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

var boss = caller.Caller{UserID: "organizer0000001", Role: caller.Organizer}

// Buyers do not learn what their bank thinks of them; organizers and admins do.
func TestReasonsOfDeclinedPayments(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.bank.why = "stolen_card"
	_, err := w.Pay(t.Context(), fan, "", paymentapi.PayRequest{BookingID: b.ID, Method: paymentapi.SandboxDecline})
	if got := errs.Of(err).Extra["reason"]; got != "card_declined" {
		t.Error(got, err)
	}
	for _, c := range []struct {
		who  caller.Caller
		want string
	}{{fan, "card_declined"}, {boss, "stolen_card"}, {admin, "stolen_card"}} {
		for name, read := range map[string]func() (paymentapi.Payment, error){
			"payment":    func() (paymentapi.Payment, error) { return w.Payment(t.Context(), c.who, b.ID+"-1") },
			"of booking": func() (paymentapi.Payment, error) { return w.Service.OfBooking(t.Context(), c.who, b.ID) },
			"amend": func() (paymentapi.Payment, error) {
				if c.who == boss {
					return w.Payment(t.Context(), c.who, b.ID+"-1")
				}
				return w.Void(t.Context(), c.who, b.ID+"-1", 0)
			},
		} {
			if p, err := read(); err != nil || p.Reason != c.want {
				t.Errorf("%s for %s: %q %v", name, c.who.Role, p.Reason, err)
			}
		}
		story, _, err := w.Story(t.Context(), c.who, b.ID+"-1")
		if err != nil || len(story) == 0 || story[len(story)-1].Reason != c.want {
			t.Errorf("journal for %s: %+v %v", c.who.Role, story, err)
		}
	}
	list, err := w.Service.OfUser(t.Context(), fan, fan.UserID, "", 10)
	if err != nil || len(list) != 1 || list[0].Reason != "card_declined" {
		t.Error(list, err)
	}
	for reason, want := range map[string]string{"": "", "insufficient_funds": "insufficient_funds", "seats-gone": "seats-gone", "fraudulent": "card_declined", "lost_card": "card_declined",
		"pickup_card": "card_declined", "do_not_honor": "card_declined", "something_new": "card_declined"} {
		if got := forBuyers(reason); got != want {
			t.Errorf("%q: %q", reason, got)
		}
	}
}

// Where a payment is approved, only its buyer learns.
func TestApprovedByTheBuyer(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.patience = time.Millisecond
	if _, err := w.pay(b, "tok_never", ""); err != nil {
		t.Fatal(err)
	}
	p, err := w.store.payment(t.Context(), b.ID+"-1")
	if err != nil {
		t.Fatal(err)
	}
	p.approve = "1 https://bank.example/approve?token=secret"
	show := func(c caller.Caller, owns bool) string {
		shown, err := shownAs(c, owns)(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return shown.ApproveAt
	}
	if show(fan, true) == "" {
		t.Error("the buyer does not see it")
	}
	if at := show(boss, false) + show(admin, true) + show(caller.System, true); at != "" {
		t.Error("others see " + at)
	}
	p.UserID = admin.UserID
	if show(admin, true) == "" {
		t.Error("an admin who buys does not see it")
	}
	if _, err := w.void(t.Context(), fan, b.ID+"-1", 0); err != nil {
		t.Error(err)
	}
}
