package payment

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// splitter is a bank at which organizers may have accounts of their own.
type splitter struct {
	*bank
	accounts map[string]string

	mu    sync.Mutex
	asked []string // account and fee of each charge that a step was asked for
}

func (s *splitter) Accounts() map[string]string { return s.accounts }

func (s *splitter) note(step string, c provider.Charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprint(step, " ", c.Account, " ", c.Fee))
}

func (s *splitter) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.asked
	s.asked = nil
	return seen
}

func (s *splitter) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	s.note("authorize", c)
	return s.bank.Authorize(ctx, key, c)
}

func (s *splitter) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	s.note("capture", c)
	return s.bank.Capture(ctx, key, c)
}

func (s *splitter) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	s.note("refund", c)
	return s.bank.Refund(ctx, key, c, amount)
}

// splits restarts the world with a gateway at which the organizer has an account.
func (w *world) splits(name string, test bool, accounts map[string]string) *splitter {
	w.t.Helper()
	s := &splitter{bank: w.bank, accounts: accounts}
	w.restart(func(cfg *Config) { cfg.Gateway, cfg.Provider, cfg.Test = s, name, test })
	return s
}

// restart starts the service again with other settings.
func (w *world) restart(setUp func(*Config)) {
	w.t.Helper()
	w.shutDown()
	w.setUp = setUp
	w.boot()
	w.runs()
}

// A payment ends with the gateway and the account that it was begun with, whatever the
// settings say by then. Another gateway is not asked about it, nor is the same one in
// another mode.
func TestPaymentsKeepTheirGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.splits("stripe", true, map[string]string{organizer.UserID: "acct_hall"})
		b := w.house.hold(fan.UserID, 1, 2)
		w.house.split(b.ID, 1500, 600)
		p, err := w.pay(b, "tok_ok", "")
		if statusOf(t, p, err) != paymentapi.Captured || p.gateway != "stripe" || p.account != "acct_hall" || !p.test || p.transferred != 9100 {
			t.Fatalf("%+v", p)
		}
		if got := s.seen(); !slices.Equal(got, []string{"authorize acct_hall 900", "capture acct_hall 900"}) {
			t.Errorf("%q", got)
		}
		free := w.house.hold(fan.UserID)
		if p, err := w.pay(free, "", ""); err != nil || p.gateway != "" || p.account != "" || p.test {
			t.Errorf("a payment of nothing has a gateway: %+v %v", p, err)
		}
		waits := func(name string, test bool) {
			t.Helper()
			s := w.splits(name, test, nil)
			time.Sleep(3 * time.Minute)
			if got := s.seen(); len(got) != 0 {
				t.Errorf("%s, test %t: asked for %q", name, test, got)
			}
			if p, err = w.store.payment(t.Context(), p.ID); err != nil || p.Refunded != 0 {
				t.Errorf("%+v %v", p, err)
			}
			if r := w.compared(); r.Found[reconcile.CaptureMissing] != 0 {
				t.Errorf("it is missing in the list of another gateway: %v", r.Found)
			}
		}
		w.shutDown()
		w.house.cancel(b.ID, 4000)
		waits("other", true)
		waits("stripe", false)
		s = w.splits("stripe", true, map[string]string{organizer.UserID: "acct_new"})
		time.Sleep(5 * time.Minute)
		if got := s.seen(); !slices.Equal(got, []string{"refund acct_hall 900"}) {
			t.Errorf("%q", got)
		}
		w.agree()
	})
}

// A payment of an older program does not say to which account its money goes: that
// follows from the settings.
func TestPaymentsOfOlderProgramsFollowTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, p := w.bought(fan.UserID)
		w.change(`UPDATE payments SET gateway = '', account = '', test = FALSE`)
		s := w.splits("stripe", false, map[string]string{organizer.UserID: "acct_hall"})
		w.house.cancel(b.ID, 4000)
		time.Sleep(time.Minute)
		if got := s.seen(); !slices.Equal(got, []string{"refund acct_hall 0"}) {
			t.Errorf("%q", got)
		}
		if p, err := w.store.payment(t.Context(), p.ID); err != nil || p.Refunded != 4000 || p.transferred != 0 {
			t.Errorf("%+v %v", p, err)
		}
		w.agree()
	})
}

// What the gateway passes on to the organizer's account is in the journal: at the capture
// what was sold but for the fees, and at a refund its share of that comes back. A dispute
// is taken from this ticket office, and so are the gateway's fees.
func TestJournalOfOwnAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.splits("stripe", true, map[string]string{organizer.UserID: "acct_hall"})
		b := w.house.hold(fan.UserID, 1, 2)
		w.house.split(b.ID, 1500, 600)
		p, err := w.pay(b, "tok_ok", "")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p, err)
		}
		w.house.cancel(b.ID, 3333)
		time.Sleep(time.Minute)
		w.bank.mu.Lock()
		w.bank.lines[0].Fee = 175
		at := w.bank.lines[0].At
		w.bank.mu.Unlock()
		w.agree()
		w.halt()
		time.Sleep(49 * time.Hour)
		if _, err := w.Reconcile(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		want := []string{"authorized approved", "captured gateway=900 organizer=-8500 fees=-900 tax=-600 transferred=9100",
			"partly_refunded refunded gateway=-299 fees=299 tax=199 refunds=2835 transferred=-3034", "fee gateway=-175 gateway_fees=175"}
		got := w.story(p.ID)
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%q", got)
		}
		for one, err := range w.Postings(t.Context(), event1, time.Time{}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			if moves := len(one.Lines) > 0; moves != (one.Gateway == "stripe" && one.GatewayAccount == "acct_hall" && one.Test) {
				t.Errorf("%+v", one)
			}
		}
		for who, told := range map[string]bool{organizer.UserID: true, fan.UserID: false} {
			c := fan
			if told {
				c = organizer
			}
			list, _, err := w.Story(t.Context(), c, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if knows := slices.ContainsFunc(list, func(p paymentapi.Posting) bool { return p.Gateway != "" || p.GatewayAccount != "" || p.Test }); knows != told {
				t.Errorf("%s is told of the account: %t", who, knows)
			}
		}
		if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
			t.Error(wrong, err)
		}
		w.change(`UPDATE payments SET transferred = 9101`)
		if wrong, err := Journal(t.Context(), w.db.Reader(), event1); !strings.Contains(wrong, "only 9100 is the organizer's") || err != nil {
			t.Error(wrong, err)
		}
		w.change(`UPDATE payments SET transferred = 9100`)
		if wrong, err := Journal(t.Context(), w.db.Reader(), event1); !strings.Contains(wrong, "in account") || err != nil {
			t.Error(wrong, err)
		}
		w.change(`UPDATE payments SET transferred = 9100 - 3034`)
	})
}

// An older program that captures a payment beside this one passes nothing on in the
// journal, and nothing is taken back of that later.
func TestOlderProgramsPassNothingOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, p := w.bought(fan.UserID)
		w.change(`UPDATE payments SET gateway = 'stripe', account = 'acct_hall', fees = 0`)
		time.Sleep(time.Second) // so that later postings have later ids
		w.splits("stripe", false, nil)
		w.agree()
		w.house.cancel(b.ID, 4000)
		time.Sleep(time.Minute)
		w.agree()
		if got := w.story(p.ID); got[len(got)-1] != "partly_refunded refunded gateway=-4000 refunds=4000" {
			t.Errorf("%q", got)
		}
	})
}

// What did not go through the organizer's account does not change what was passed on to it.
func TestPassedOn(t *testing.T) {
	p := record{ID: "p", Amount: 10000, Fees: 1500, Tax: 600, Status: paymentapi.Authorized, Currency: "EUR", try: 1, account: "acct_hall"}
	for _, c := range []struct {
		e    event
		want int64
	}{
		{event{kind: evCaptured, try: 1}, 9100},
		{event{kind: evDisputed, amount: 10000}, 9100},
		{event{kind: evDisputeWon, amount: 10000}, 9100},
		{event{kind: evElsewhere, amount: 1000}, 9100},
		{event{kind: evRefunded, amount: 3000}, 9100 - 2730},
		{event{kind: evRefundFailed, amount: 3000}, 9100 - 2730},
		{event{kind: evRefunded, amount: 9000}, 0},
	} {
		s, _, err := next(p.state(), c.e)
		if err != nil {
			t.Fatal(c.e.kind, err)
		}
		if p = p.moved(s, c.e, 0); p.transferred != c.want {
			t.Errorf("after %v %d: %d, want %d", c.e.kind, c.e.amount, p.transferred, c.want)
		}
	}
}

// What waits for another gateway is said in the log at the start, and by the daily
// comparison.
func TestWaitingForAnotherGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.splits("stripe", true, nil)
		b, paid := w.bought(fan.UserID)
		open := w.house.hold(fan.UserID, 3)
		if p, err := w.pay(open, "tok_never", ""); err != nil || p.Status != paymentapi.Pending {
			t.Fatal(p, err)
		}
		w.crash()
		w.house.cancel(b.ID, 4000)
		said := &said{}
		w.restart(func(cfg *Config) { cfg.Provider, cfg.Log = "other", slog.New(slog.NewTextHandler(said, nil)) })
		time.Sleep(time.Minute)
		if text := said.String(); strings.Count(text, "payments and refunds wait for the gateway that they were begun with") != 1 ||
			!strings.Contains(text, `gateway="stripe (test)" waiting=`) || !strings.Contains(text, " has=other") {
			t.Error(text)
		}
		w.halt()
		for _, event := range []string{"", event1} {
			begun, err := BegunWith(t.Context(), w.db.Reader(), event)
			if want := []paymentapi.Begun{{Gateway: "stripe", Test: true, Payments: 2, Open: 1}}; err != nil || !slices.Equal(begun, want) {
				t.Errorf("begun %+v, %v", begun, err)
			}
		}
		time.Sleep(4 * time.Hour)
		found := map[string]string{}
		for _, f := range w.compared().Findings {
			found[string(f.Kind)+" "+f.PaymentID] = f.Gateway
		}
		want := map[string]string{"other-gateway " + paid.ID: "stripe (test)", "other-gateway " + open.ID + "-1": "stripe (test)"}
		if !maps.Equal(found, want) {
			t.Errorf("%v", found)
		}
		w.crash() // what waits would keep it from closing
		w.splits("stripe", true, nil)
		time.Sleep(time.Minute)
		w.agree()
	})
}

// said is a log that is written and read by several goroutines.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
