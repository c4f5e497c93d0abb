package letter

import (
	"strings"
	"testing"
	"time"

	"boxoffice/internal/notifyapi"
)

// Mails about money say how much, why, and what is left.
func TestMoney(t *testing.T) {
	r := newRenderer(t)
	for _, c := range []struct {
		kind   notifyapi.Kind
		refund notifyapi.Refund
		en, de []string
		not    string
	}{
		{notifyapi.Refunded, notifyapi.Refund{Amount: 123450},
			[]string{"Refund of €1,234.50 for", "all that you paid", "The booking is cancelled", "a few working days"},
			[]string{"Erstattung von 1.234,50\u00a0€ für", "alles, was Sie", "Die Buchung ist storniert", "einige Werktage"}, "€617.25 of"},
		{notifyapi.Refunded, notifyapi.Refund{Amount: 61725, Left: 2},
			[]string{"€617.25 of the €1,234.50", "You keep 2 seats", "Do not share"}, []string{"617,25\u00a0€ von den 1.234,50\u00a0€ erstattet", "2 Plätze dieser Buchung behalten Sie"}, "cancelled"},
		{notifyapi.Refunded, notifyapi.Refund{Amount: 61725, Left: 1}, []string{"You keep 1 seat of"}, []string{"1 Platz dieser"}, "cancelled"},
		{notifyapi.Refunded, notifyapi.Refund{Amount: 123450, Off: true}, []string{"The event was cancelled"}, []string{"wurde abgesagt"}, "The booking is cancelled"},
		{notifyapi.PaidTooLate, notifyapi.Refund{Amount: 123450, Reason: "paid-too-late", Again: true},
			[]string{"payment of €1,234.50", "time for paying was over", "You were not charged", "See the event"}, []string{"Zeit zum Bezahlen", "nichts berechnet", "Veranstaltung ansehen"}, "sent the money back"},
		{notifyapi.PaidTooLate, notifyapi.Refund{Amount: 123450, Reason: "event-cancelled", Taken: true},
			[]string{"event was cancelled in the meantime", "sent the money back", "See the booking"}, []string{"inzwischen abgesagt", "zurückgegeben"}, "not charged"},
		{notifyapi.PaidTooLate, notifyapi.Refund{Amount: 123450, Reason: "booking-cancelled"}, []string{"booking was cancelled in the meantime"}, []string{"inzwischen storniert"}, "seats for this event"},
		{notifyapi.PaidTooLate, notifyapi.Refund{Amount: 123450, Reason: "already-booked", Taken: true}, []string{"already paid, and stays booked"}, []string{"schon bezahlt und bleibt"}, "not charged"},
		{notifyapi.PaidTooLate, notifyapi.Refund{Amount: 123450, Reason: "payment-timed-out", Taken: true}, []string{"could not be completed"}, []string{"nicht abgeschlossen"}, "time for paying"},
	} {
		for lang, want := range map[string][]string{"en": c.en, "de": c.de} {
			n := example(c.kind, lang)
			n.Data.Refund = &c.refund
			l, err := r.Render(n)
			if err != nil {
				t.Fatal(err)
			}
			all := l.Subject + "\n" + l.Text
			for _, part := range want {
				if !strings.Contains(all, part) {
					t.Errorf("%+v: no %q in\n%s", c.refund, part, all)
				}
			}
			if strings.Contains(all, c.not) {
				t.Errorf("%+v: there is %q in\n%s", c.refund, c.not, all)
			}
		}
	}
}

// Organizers are told of a dispute until when evidence counts, and how it was decided.
func TestDisputes(t *testing.T) {
	r := newRenderer(t)
	due := time.Date(2027, 3, 10, 22, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		dispute notifyapi.Dispute
		en, de  []string
		not     string
	}{
		{notifyapi.Dispute{State: "open", Amount: 61725, Reason: "fraudulent", Due: due},
			[]string{"Disputed payment: €617.25 for", "has taken €617.25 back", "names it: fraudulent", "counts until Wednesday 10 March 2027, 23:59", "(Europe/Berlin)", "stay valid", "See the order"},
			[]string{"Zahlung angefochten: 617,25\u00a0€ für", "Nachweise zählen bis Mittwoch, 10. März 2027, 23:59"}, "decided in"},
		{notifyapi.Dispute{State: "open", Amount: 61725}, []string{"The payment gateway says until when"}, []string{"sagt der Zahlungsdienst"}, "names it"},
		{notifyapi.Dispute{State: "open", Amount: 61725, Back: 61725}, []string{"had already got €617.25"}, []string{"schon zurückbekommen"}, "names it"},
		{notifyapi.Dispute{State: "won", Amount: 61725, Due: due}, []string{"Dispute won: €617.25", "in your favor"}, []string{"Anfechtung gewonnen", "Ihren Gunsten"}, "Evidence"},
		{notifyapi.Dispute{State: "lost", Amount: 61725}, []string{"Dispute lost: €617.25", "the buyer’s favor", "stay valid"}, []string{"Anfechtung verloren", "des Käufers"}, "Evidence"},
	} {
		for lang, want := range map[string][]string{"en": c.en, "de": c.de} {
			n := example(notifyapi.Disputed, lang)
			n.Data.Dispute = &c.dispute
			l, err := r.Render(n)
			if err != nil {
				t.Fatal(err)
			}
			all := l.Subject + "\n" + strings.Join(strings.Fields(l.Text), " ")
			for _, part := range want {
				if !strings.Contains(strings.ReplaceAll(all, "\u00a0", " "), strings.ReplaceAll(part, "\u00a0", " ")) {
					t.Errorf("%+v: no %q in\n%s", c.dispute, part, all)
				}
			}
			if strings.Contains(all, c.not) {
				t.Errorf("%+v: there is %q in\n%s", c.dispute, c.not, all)
			}
		}
	}
}

// Organizers are told of a failed refund what has happened, and what to do.
func TestFailedRefunds(t *testing.T) {
	r := newRenderer(t)
	for _, c := range []struct {
		refund notifyapi.Refund
		en, de string
		not    string
	}{
		{notifyapi.Refund{Amount: 61725, Reason: "card_declined"}, "could not be made. Reason: card_declined It is not tried", "war nicht möglich. Grund: card_declined Sie wird", "come back"},
		{notifyapi.Refund{Amount: 61725, CameBack: true}, "the refund of €617.25 for booking ABCD-EFGH was made, but the money has come back", "von der Bank des Käufers zurückgekommen", "Reason"},
	} {
		for lang, want := range map[string]string{"en": c.en, "de": c.de} {
			n := example(notifyapi.RefundFailed, lang)
			n.Data.Refund = &c.refund
			l, err := r.Render(n)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(strings.Fields(l.Text), " "); !strings.Contains(all, want) || strings.Contains(all, c.not) {
				t.Errorf("%+v: no %q, or %q, in\n%s", c.refund, want, c.not, all)
			}
		}
	}
}
