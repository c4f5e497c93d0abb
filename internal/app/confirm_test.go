package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notify/occasion"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
	"boxoffice/internal/paymentapi"
)

// Neither the names of buyers nor those of organizers get links into the mail
// about an order; its own link is whole.
func TestConfirmationHasOneLink(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	c := h.letters(mail, "https://tickets.example")
	event := h.must(t, h.account(t, caller.Organizer), "POST", "/events", strings.NewReplacer(`"Gala"`, `"Win at http://evil.example/now"`, `"Hall"`, `"www.evil.example"`, "%q", `"on_sale"`).Replace(eventJSON), "id")
	ann := h.visitor(t, "ann")
	h.must(t, ann, "PUT", "/users/"+ann.UserID, `{"name":"Go to evil.example/x"}`, "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	paid := h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	notices, err := c.Paid(t.Context(), []paymentapi.Capture{{PaymentID: paid, UserID: ann.UserID}})
	if err == nil {
		err = mail.Notify(t.Context(), notices)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(mail.all) != 1 || strings.Contains(mail.all[0], "evil.example") || strings.Count(mail.all[0], "://") != 1 || !strings.Contains(mail.all[0], "https://tickets.example/orders/"+booking+"?token=") {
		t.Errorf("%q", mail.all)
	}
}

// A confirmation that can never be written does not wait for ever: it becomes a dead
// letter, and the others that came with it are mailed, once.
func TestConfirmationOfAnUnknownBooking(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	ann := h.visitor(t, "ann")
	booking, event := h.bought(t, ann, 1, paymentapi.SandboxOK)
	err := h.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO payments_paid (event_id, id, payments) VALUES ($1, 'zz', $2)`, event, `[["`+booking[:len(booking)-4]+`zzzz-1","`+ann.UserID+`"]]`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.confirm(t, mail); err != nil {
		t.Error(err)
	}
	dead, err := bus.OpenDead(t.Context(), h.DB)
	if err != nil {
		t.Fatal(err)
	}
	list, err := dead.List(t.Context(), bus.Filter{}, bus.DeadRef{}, 10)
	if err != nil || len(list) != 1 || list[0].Message.ID != "zz" || len(mail.all) != 1 {
		t.Errorf("dead: %+v %v; mails: %q", list, err, mail.all)
	}
}

// planned tells of payments, but for those that fail.
type planned map[string]error

func (f planned) Paid(_ context.Context, list []paymentapi.Capture) (notices []notifyapi.Notice, err error) {
	for _, p := range list {
		if err := f[p.PaymentID]; err != nil {
			return nil, err
		}
		if p.PaymentID == "panic" {
			panic("planned")
		}
		n := notifytest.Code(p.PaymentID, "ann@example.org")
		notices = append(notices, n)
	}
	return notices, nil
}

func (planned) Returned(context.Context, []paymentapi.Return) ([]notifyapi.Notice, error) {
	panic("not called")
}

func (planned) RefundsFailed(context.Context, []paymentapi.FailedRefund) ([]notifyapi.Notice, error) {
	panic("not called")
}

func (planned) Disputed(context.Context, []paymentapi.Dispute) ([]notifyapi.Notice, error) {
	panic("not called")
}

// What an error means for a message: never, not now, or one of its tries. Of a message
// that is alone, what does not fail is told at once, and not again later.
func TestFailedConfirmations(t *testing.T) {
	plain := errors.New("planned")
	for _, c := range []struct {
		fails planned
		want  string // its type
		told  int    // of the good ones
	}{
		{planned{"a": fmt.Errorf("payment: %w", errs.Missing("booking"))}, "bus.impossible", 2},
		{planned{"a": errs.New(errs.Unavailable, "away", "Away.")}, "bus.notNow", 0},
		{planned{"a": plain}, "*errors.errorString", 2},
		{planned{"a": errs.Missing("booking"), "b": plain}, "*errors.errorString", 1},
		{planned{"b": plain, "c": errs.Missing("booking")}, "*errors.errorString", 1},
		{planned{"a": context.DeadlineExceeded}, "context.deadlineExceededError", 2},
	} {
		mail := &letters{}
		consume := occasion.New(occasion.Config{Letters: c.fails, Notices: mail}).Consumer().Consume
		message := bus.Message{Topic: paymentapi.Topic, Body: []byte(`{"payments":[{"payment_id":"a"},{"payment_id":"b"},{"payment_id":"c"}]}`)}
		if _, err := consume(t.Context(), []bus.Message{message, message}); err == nil || len(mail.all) > 0 {
			t.Errorf("%v: with others %v, mailed are %q", c.fails, err, mail.all)
		}
		for range 2 {
			_, err := consume(t.Context(), []bus.Message{message})
			if fmt.Sprintf("%T", err) != c.want || len(mail.all) != c.told {
				t.Errorf("%v: %T %v, mailed are %q", c.fails, err, err, mail.all)
			}
		}
		clear(c.fails)
		write, err := consume(t.Context(), []bus.Message{message})
		if err == nil {
			err = write(t.Context(), nil)
		}
		if err != nil || len(mail.all) != 3 {
			t.Errorf("%v, mailed are %q", err, mail.all)
		}
	}
	mail := &letters{}
	consume := occasion.New(occasion.Config{Letters: planned{}, Notices: mail}).Consumer().Consume
	_, err := consume(t.Context(), []bus.Message{{Topic: paymentapi.Topic, Body: []byte(`{"payments":[{"payment_id":"panic"},{"payment_id":"b"}]}`)}})
	if err == nil || len(mail.all) != 1 {
		t.Errorf("a panic: %v, mailed are %q", err, mail.all)
	}
	for _, bad := range []bus.Message{{Topic: paymentapi.ReturnsTopic, Body: []byte(`{"unreadable":"x"}`)}, {Topic: paymentapi.Topic, Body: []byte(`[]`)}, {Topic: "other", Body: []byte(`{}`)}} {
		if _, err := consume(t.Context(), []bus.Message{bad}); fmt.Sprintf("%T", err) != "bus.impossible" {
			t.Errorf("%+v: %T", bad, err)
		}
	}
}
