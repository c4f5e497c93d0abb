package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// mailbox keeps all mails.
type mailbox struct {
	mu  sync.Mutex
	all []mail.Mail
}

func (b *mailbox) Send(_ context.Context, m *mail.Mail) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, *m)
	return "taken", nil
}

func (b *mailbox) Close() {}

// about lists the mails to an address whose subject has a word.
func (b *mailbox) about(to, word string) (list []mail.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if m.To == to && strings.Contains(m.Subject, word) {
			list = append(list, m)
		}
	}
	return list
}

// newPostHouse is a house whose services work by themselves, and whose mails arrive in
// the box.
func newPostHouse(t *testing.T) (*house, *mailbox) {
	t.Helper()
	box := &mailbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: box, Parallel: 2}, PublicURL: "https://tickets.example"})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{h.Bookings.Run, h.Payments.Run, h.Bus.Run, h.Notices.Run} {
		running.Go(func() { _ = run(ctx) }) // it says that it was stopped
	}
	t.Cleanup(running.Wait)
	t.Cleanup(stop)
	return h, box
}

// event makes an event on sale.
func (h *house) event(t *testing.T, organizer userapi.Fan) string {
	t.Helper()
	return h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
}

// buys pays for seats of an event.
func (h *house) buys(t *testing.T, who userapi.Fan, event string, seats int, method string) (booking string) {
	t.Helper()
	booking = h.must(t, who, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":%d}`, event, seats), "id")
	h.must(t, who, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method), "id")
	return booking
}

// Whoever gets money back is told once for each refund: how much, for which seats, and
// what is left.
func TestRefundsAreMailed(t *testing.T) {
	h, box := newPostHouse(t)
	ann := h.visitor(t, "ann")
	event := h.event(t, h.account(t, caller.Organizer))
	booking := h.buys(t, ann, event, 2, paymentapi.SandboxOK)
	b, err := bookingapi.One(t.Context(), h.Bookings.Bookings, "booking", booking)
	if err != nil {
		t.Fatal(err)
	}
	orders, err := h.Bookings.Orders(t.Context(), []bookingapi.Booking{b})
	if err != nil {
		t.Fatal(err)
	}
	for n, place := range orders[0].Places {
		if w := h.ask(t, ann, "DELETE", "/bookings/"+booking+"?seats="+place.Label, ""); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		until(t, "the refund is mailed", func() bool { return len(box.about("ann@example.org", "Refund")) == n+1 })
	}
	list := box.about("ann@example.org", "Refund")
	for i, parts := range [][]string{
		{"Refund of €50.00 for Gala (", "€50.00 of the €100.00 that you paid", "You keep 1 seat of this booking", "https://tickets.example/orders/" + booking + "?token="},
		{"Refund of €50.00 for Gala (", "€50.00 of the €100.00 that you paid", "The booking is cancelled"},
	} {
		all := list[i].Subject + "\n" + list[i].Text
		for _, part := range parts {
			if !strings.Contains(all, part) {
				t.Errorf("no %q in\n%s", part, all)
			}
		}
		if n := strings.Count(list[i].Text, "seat "+orders[0].Places[i].Number+":"); n != 1 || strings.Count(list[i].Text, ", seat ") != 1 {
			t.Errorf("not the seat %+v in\n%s", orders[0].Places[i], list[i].Text)
		}
	}
}

// What was refunded on the gateway's own pages is mailed as well, each time once.
func TestRefundsElsewhereAreMailed(t *testing.T) {
	h, box := newPostHouse(t)
	ann := h.visitor(t, "ann")
	booking := h.buys(t, ann, h.event(t, h.account(t, caller.Organizer)), 2, paymentapi.SandboxOK)
	list, err := h.Payments.Latest(t.Context(), []string{booking})
	if err != nil {
		t.Fatal(err)
	}
	p := list[booking]
	for i, amount := range []int64{1500, 1500, 2500} {
		notices, err := h.letters(h.Notices, "https://tickets.example").Returned(t.Context(), []paymentapi.Return{
			{PaymentID: p.ID, Amount: amount, Currency: p.Currency, Seq: -int64(i + 4)},
		})
		if err != nil || len(notices) != 1 {
			t.Fatalf("%+v %v", notices, err)
		}
		for range 2 {
			if err := h.Notices.Notify(t.Context(), notices); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, "they are mailed", func() bool { return len(box.about("ann@example.org", "Refund")) >= 3 })
	mails := box.about("ann@example.org", "Refund")
	if len(mails) != 3 {
		t.Errorf("%d mails", len(mails))
	}
	for _, m := range mails {
		if !strings.Contains(m.Text, "of the €100.00 that you paid") || !strings.Contains(m.Text, "your tickets stay valid") {
			t.Errorf("the mail says %s", m.Text)
		}
	}
}

// Mails about an order are in the language of the request that paid for it. The account's
// other orders are in the account's language.
func TestMailsAreInTheLanguageOfThePurchase(t *testing.T) {
	h, box := newPostHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.event(t, organizer)
	buy := func(header ...string) (booking string) {
		booking = h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
		if w := h.ask(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, booking), header...); w.Code >= 300 {
			t.Fatal(w.Code, w.Body)
		}
		return booking
	}
	german, english := buy("Accept-Language", "de-CH, de;q=0.9, en;q=0.5"), buy()
	if got := h.must(t, ann, "GET", "/payments/booking/"+german, "", "language"); got != "de" {
		t.Errorf("its language is %q", got)
	}
	if got := h.must(t, ann, "GET", "/payments/booking/"+english, "", "language"); got != "" {
		t.Errorf("its language is %q, but the request did not say", got)
	}
	arrive := func(subjects ...string) {
		t.Helper()
		for _, subject := range subjects {
			until(t, "a mail arrives: "+subject, func() bool { return len(box.about("ann@example.org", subject)) == 1 })
		}
	}
	arrive("Ihre Tickets", "Your tickets")
	if w := h.ask(t, organizer, "DELETE", "/events/"+event, ""); w.Code >= 300 {
		t.Fatal(w.Body)
	}
	arrive("Abgesagt: Gala", "Cancelled: Gala", "Erstattung", "Refund")
}

// A cancelled event's buyers are told that their money is on its way, each once.
func TestRefundsOfACancelledEventAreMailed(t *testing.T) {
	h, box := newPostHouse(t)
	organizer := h.account(t, caller.Organizer)
	event := h.event(t, organizer)
	var fans []string
	for i := range 5 {
		name := fmt.Sprint("fan", i)
		h.buys(t, h.visitor(t, name), event, 1+i%2, paymentapi.SandboxOK)
		fans = append(fans, name+"@example.org")
	}
	h.buys(t, h.account(t, caller.Customer), event, 1, paymentapi.SandboxOK) // made in bulk: no address
	gift := h.visitor(t, "guest")
	h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"user_id":"`+gift.UserID+`"}`, "id")
	if w := h.ask(t, organizer, "DELETE", "/events/"+event, ""); w.Code >= 300 {
		t.Fatal(w.Body)
	}
	until(t, "all are told", func() bool {
		return !slices.ContainsFunc(fans, func(to string) bool { return len(box.about(to, "Refund")) == 0 })
	})
	for i, to := range fans {
		list := box.about(to, "Refund")
		amount := []string{"€50.00", "€100.00"}[i%2]
		if len(list) != 1 || !strings.Contains(list[0].Text, amount+", all that you paid") || !strings.Contains(list[0].Text, "The event was cancelled") {
			t.Errorf("%s: %d mails: %+v", to, len(list), list)
		}
	}
	if list := box.about("guest@example.org", "Refund"); len(list) > 0 {
		t.Errorf("a gift is refunded: %+v", list)
	}
}

// A payment that is approved when the seats can no longer be booked is given back, and
// its buyer is told, although they have long gone.
func TestPaidTooLateIsMailed(t *testing.T) {
	h, box := newPostHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.event(t, organizer)
	booking := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":2}`, event), "id")
	if w := h.ask(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, paymentapi.SandboxSlow)); w.Code >= 300 {
		t.Fatal(w.Code, w.Body)
	}
	if w := h.ask(t, organizer, "DELETE", "/events/"+event, ""); w.Code >= 300 {
		t.Fatal(w.Body)
	}
	until(t, "the buyer is told", func() bool { return len(box.about("ann@example.org", "could not use your payment")) == 1 })
	text := box.about("ann@example.org", "could not use your payment")[0].Text
	for _, part := range []string{"your payment of €100.00", "The event was cancelled in the meantime", "You were not charged", "/orders/" + booking} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if list := box.about("ann@example.org", "tickets"); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// What a consumer writes is in the transaction that records the messages as taken: if
// that does not come about, neither is there, and in the end each is there once.
func TestMailsComeWithTheTakenMessages(t *testing.T) {
	box := &mailbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: box, Parallel: 1}, PublicURL: "https://tickets.example"})
	ann := h.visitor(t, "ann")
	h.bought(t, ann, 1, paymentapi.SandboxOK)
	consumers, err := h.occasions(t.Context(), h.Notices, "https://tickets.example")
	if err != nil {
		t.Fatal(err)
	}
	c := &consumers[0]
	consume, fails := c.Consume, 2
	c.Consume = func(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
		write, err := consume(ctx, list)
		return func(ctx context.Context, tx *sql.Tx) error {
			if err := write(ctx, tx); err != nil {
				return err
			}
			if fails--; fails >= 0 {
				return errors.New("planned: the power fails")
			}
			return nil
		}, err
	}
	woken := 0
	c.Consumed = func() { woken++ }
	count := func(table string) (n int) {
		t.Helper()
		where := ""
		if table == "notices" {
			where = ` WHERE kind = 'booked'`
		}
		if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM `+table+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for round := range 5 {
		b, err := bus.New(t.Context(), bus.Config{DB: h.DB, Outboxes: h.outboxes(), Consumers: consumers, Now: h.DB.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_ = b.Round(t.Context())
		want := 0
		if round >= 2 {
			want = 1
		}
		if n, taken := count("notices"), count("notify_taken"); n != want || taken != want || woken != want {
			t.Errorf("round %d: %d notices, %d taken messages, woken %d times", round, n, taken, woken)
		}
	}
	if n := count("payments_paid"); n != 0 {
		t.Errorf("%d rows are left in the outbox", n)
	}
}
