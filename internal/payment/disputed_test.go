package payment

import (
	"database/sql"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// toldDisputes lists what the outbox says of disputes.
func (w *world) toldDisputes() (list []paymentapi.Dispute, unreadable int) {
	w.t.Helper()
	messages, err := w.Disputes().Pending(w.t.Context(), bus.Ref{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		var body paymentapi.DisputedMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil || m.Topic != paymentapi.DisputesTopic || m.Type != paymentapi.TypeDisputed {
			w.t.Errorf("%+v: %v", m, err)
		}
		list = append(list, body.Disputes...)
		if body.Unreadable != "" {
			unreadable++
		}
	}
	return list, unreadable
}

// Each state of a dispute is told once, however often the gateway says so, and whatever
// order its messages have.
func TestDisputesAreToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		states []provider.DisputeState
		want   []paymentapi.Status
	}{
		"won":            {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeWon}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeWon}},
		"lost":           {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeLost}},
		"won after lost": {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeLost, provider.DisputeWon}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeLost, paymentapi.DisputeWon}},
		"late":           {[]provider.DisputeState{provider.DisputeLost, provider.DisputeOpen}, []paymentapi.Status{paymentapi.DisputeLost}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				due := time.Now().Add(7 * 24 * time.Hour)
				for _, s := range c.states {
					w.bank.disputes(p.ID+".1", s, 4000)
					w.bank.evidenceBy(p.ID+".1", due)
					for range 3 {
						w.asks(p.ID)
					}
				}
				var got []paymentapi.Status
				list, _ := w.toldDisputes()
				for _, d := range list {
					got = append(got, d.Step)
					if d.PaymentID != p.ID || d.Amount != 4000 || d.Currency != p.Currency || d.Reason != "fraudulent" || d.Due != due.UnixMicro() {
						t.Errorf("%+v", d)
					}
				}
				last := c.want[len(c.want)-1]
				slices.Sort(got) // the outbox has no order
				slices.Sort(c.want)
				if !slices.Equal(got, c.want) {
					t.Errorf("told are %v, want %v", got, c.want)
				}
				if last == paymentapi.DisputeLost {
					w.keeps(b.ID, b.Amount-4000)
				}
			})
		})
	}
}

// After a dispute that was won the buyer may open another: it is told, and its money is
// withdrawn. What the gateway says of the first again is not taken for it.
func TestAnotherDispute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1)
		says := func(id string, state provider.DisputeState, amount int64) {
			w.bank.disputes(payment+".1", state, amount)
			w.bank.mu.Lock()
			w.bank.charges[payment+".1"].dispute.ID = id
			w.bank.mu.Unlock()
			w.asks(payment)
		}
		says("dp_1", provider.DisputeOpen, 3000)
		says("dp_1", provider.DisputeWon, 3000)
		says("dp_1", provider.DisputeOpen, 3000) // late
		if list, _ := w.toldDisputes(); len(list) != 2 {
			t.Errorf("%+v", list)
		}
		says("dp_2", provider.DisputeOpen, 2000)
		w.asks(payment)
		w.bank.mu.Lock()
		w.bank.line(provider.Disputed, "", provider.Charge{ID: payment + ".1", Currency: "USD"}, 2000)
		w.bank.mu.Unlock()
		if list, _ := w.toldDisputes(); len(list) != 3 {
			t.Errorf("%+v", list)
		}
		if p, err := w.store.payment(t.Context(), payment); err != nil || p.disputed != 2000 || p.dispute != disputeOpen {
			t.Errorf("%+v %v", p, err)
		}
		w.keeps(b.ID, 3000)
	})
}

// A row that cannot be read is a message that says so, and rows leave when all have taken
// them.
func TestUnreadableDisputes(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNoteDispute, event1, "0", "not JSON"); return err }); err != nil {
		t.Fatal(err)
	}
	if list, unreadable := w.toldDisputes(); len(list) != 0 || unreadable != 1 {
		t.Errorf("%+v, %d", list, unreadable)
	}
	if err := w.Disputes().Remove(t.Context(), []bus.Ref{{Key: event1, ID: "0"}}); err != nil {
		t.Error(err)
	}
	if list, unreadable := w.toldDisputes(); len(list)+unreadable != 0 {
		t.Errorf("%+v, %d", list, unreadable)
	}
}
