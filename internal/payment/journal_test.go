package payment

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

// story is what the journal has of a payment: "step cause account=amount …" each.
func (w *world) story(paymentID string) (list []string) {
	w.t.Helper()
	for p, err := range w.Postings(w.t.Context(), eventOf(paymentID), time.Time{}, time.Time{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		if p.PaymentID != paymentID {
			continue
		}
		words := []string{p.Step}
		for _, more := range []string{p.Cause, p.Reason} {
			if more != "" {
				words = append(words, more)
			}
		}
		for _, l := range p.Lines {
			words = append(words, fmt.Sprintf("%s=%d", l.Account, l.Amount))
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// What happens to a payment, and what it moves, is in the journal, and every posting
// balances.
func TestJournal(t *testing.T) {
	gone := errs.New(errs.Conflict, "seats-gone", "Gone.")
	for name, c := range map[string]struct {
		method string
		do     func(w *world)
		want   []string
	}{
		"paid":        {"tok_ok", nil, []string{"authorized approved", "captured gateway=10000 organizer=-8500 fees=-900 tax=-600"}},
		"sure":        {"tok_sure", nil, []string{"captured gateway=10000 organizer=-8500 fees=-900 tax=-600"}},
		"declined":    {"tok_bad", nil, []string{"failed declined card_declined"}},
		"seats gone":  {"tok_ok", func(w *world) { w.house.refuse = gone }, []string{"authorized approved", "taking_back refused seats-gone", "voiding taken back", "voided"}},
		"not capture": {"tok_ok", func(w *world) { w.bank.noTake = true }, []string{"authorized approved", "taking_back uncaptured insufficient_funds", "voiding taken back", "failed voided"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if c.do != nil {
					c.do(w)
				}
				w.runs()
				b := w.house.hold(fan.UserID, 1, 2)
				w.house.split(b.ID, 1500, 600)
				p, _ := w.pay(b, c.method, "")
				time.Sleep(time.Minute)
				w.agree()
				if got := w.story(b.ID + "-1"); !slices.Equal(got, c.want) {
					t.Errorf("%q", got)
				}
				if p.Status != paymentapi.Captured {
					return
				}
				w.house.cancel(b.ID, 3333)
				time.Sleep(5 * time.Second)
				w.house.cancel(b.ID, 6667)
				time.Sleep(5 * time.Second)
				w.agree()
				want := append(c.want, "partly_refunded refunded gateway=-3333 fees=299 tax=199 refunds=2835",
					"refunded gateway=-6667 fees=601 tax=401 refunds=5665")
				if got := w.story(p.ID); !slices.Equal(got, want) {
					t.Errorf("%q", got)
				}
				balances, err := w.Balances(t.Context(), event1)
				if err != nil || len(balances) != 1 || balances["USD"][paymentapi.AccountGateway] != 0 || balances["USD"][paymentapi.AccountTax] != 0 ||
					balances["USD"][paymentapi.AccountOrganizer] != -8500 || balances["USD"][paymentapi.AccountRefunds] != 8500 {
					t.Errorf("%v %v", balances, err)
				}
			})
		})
	}
}

// Money that was taken for a payment that was given up is the buyer's, and goes back.
func TestJournalOfMoneyTakenTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		once := sync.Once{}
		w.bank.cut = func(ctx context.Context, here string) error {
			if here == "after capture" { // it is taken, and its buyer gives up before that is known
				once.Do(func() { go func() { _, _ = w.void(ctx, fan, b.ID+"-1", 0) }(); time.Sleep(time.Second) })
			}
			return nil
		}
		_, _ = w.pay(b, "tok_ok", "")
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.agree()
		got := w.story(b.ID + "-1")
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, "gateway=5000 buyer=-5000") }) ||
			!slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, "gateway=-5000 buyer=5000") }) {
			t.Errorf("%q", got)
		}
		by := ""
		for p := range w.Postings(t.Context(), event1, time.Time{}, time.Time{}) {
			if p.Step == string(paymentapi.TakingBack) {
				by = p.By
			}
		}
		if by != fan.UserID {
			t.Errorf("it was given up by %q", by)
		}
	})
}

// Nothing in the journal is changed or deleted.
func TestJournalIsOnlyAppendedTo(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	if p, err := w.pay(b, "tok_ok", ""); statusOf(t, p, err) != paymentapi.Captured {
		t.Fatal(p)
	}
	for _, text := range []string{`UPDATE payments_journal SET currency = 'EUR'`, `DELETE FROM payments_journal`} {
		err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text); return err })
		if err == nil || !strings.Contains(err.Error(), "only appended") {
			t.Errorf("%s: %v", text, err)
		}
	}
	w.agree()
}

// The journal is read from one time to another.
func TestPostingsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var times []time.Time
		for i := range int32(3) {
			time.Sleep(time.Hour)
			times = append(times, time.Now())
			if p, err := w.pay(w.house.hold(fan.UserID, i), "tok_sure", ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
		}
		for _, c := range []struct {
			event    string
			from, to time.Time
			want     int
		}{{"", time.Time{}, time.Time{}, 3}, {event1, times[1], time.Time{}, 2}, {"", times[0], times[2], 2}, {"", times[1], times[2], 1}, {"none", time.Time{}, time.Time{}, 0}} {
			n := 0
			for _, err := range w.Postings(t.Context(), c.event, c.from, c.to) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != c.want {
				t.Errorf("%+v: %d", c, n)
			}
		}
	})
}

// What payments had moved before there was a journal is its beginning.
func TestJournalBegins(t *testing.T) {
	db := sqldbtest.Open(t)
	old := fstest.MapFS{}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() < "00011" {
			raw, err := migrations.ReadFile("migrations/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			old["migrations/"+f.Name()] = &fstest.MapFile{Data: raw}
		}
	}
	if err := db.Migrate(t.Context(), "payment", old); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		status, ends     string
		amount, refunded int64
	}{{"captured", "", 5000, 0}, {"captured", "", 5000, 1200}, {"refunded", "", 700, 700}, {"refunded", "voided", 900, 900}, {"returning", "failed", 800, 0}, {"voided", "", 10, 0}, {"captured", "", 0, 0}}
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		for i, r := range rows {
			b := id.Booking(event1, "u", fmt.Sprint(i))
			if _, err := tx.Exec(`INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
				try, void_wanted, refunded, reason, reference, version, created_at, updated_at, history, ends_as)
				VALUES ($1, $2, $3, 'u', 1, $4, 'EUR', $5, 'tok_ok', 1, FALSE, $6, '', '', 1, 0, 0, '[]', $7)`, b+"-1", b, event1, r.amount, r.status, r.refunded, r.ends); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOn(t, db)
	if wrong, err := Journal(t.Context(), db.Reader(), event1); wrong != "" || err != nil {
		t.Error(wrong, err)
	}
	balances, err := w.Balances(t.Context(), event1)
	if err != nil || balances["EUR"][paymentapi.AccountGateway] != 5000+3800+800 || balances["EUR"][paymentapi.AccountBuyer] != -800 || balances["EUR"][paymentapi.AccountRefunds] != 1900 {
		t.Errorf("%v %v", balances, err)
	}
}

// What a program has done that keeps no journal is posted with the next step, or late.
func TestJournalOfOlderPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var ids []string
		for i := range int32(3) {
			b := w.house.hold(fan.UserID, i, i+10)
			p, err := w.pay(b, "tok_ok", "")
			if statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
			ids = append(ids, b.ID)
		}
		agrees := func() {
			t.Helper()
			if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
				t.Error(wrong, err)
			}
		}
		change := func(text string, args ...any) {
			t.Helper()
			if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range ids[:2] { // an older program gives a part back
			w.house.cancel(id, 4000)
			seq := int64(len(w.house.ledger[event1]))
			if _, err := w.bank.Refund(t.Context(), refundID(event1, seq), provider.Charge{ID: id + "-1.1", Amount: 10000, Currency: "USD"}, 4000); err != nil {
				t.Fatal(err)
			}
			change(sqlAddRefund, refundID(event1, seq), event1, seq, id, 4000, 1)
			change(`UPDATE refunds SET status = 'done', payment_id = $1 WHERE event_id = $2 AND seq = $3`, id+"-1", event1, seq)
			change(`INSERT INTO payments_returned (event_id, id, returned) VALUES ($1, $2, $3)`, event1, newRowID(),
				fmt.Sprintf(`[{"payment_id":"%s-1","user_id":"%s","amount":4000,"currency":"USD","seq":%d}]`, id, fan.UserID, seq))
			change(`UPDATE payments SET refunded = 4000, version = version + 1 WHERE id = $1`, id+"-1")
		}
		agrees()
		w.house.cancel(ids[0], 1000)
		if err := w.refunds.round(t.Context(), new(bool), new(time.Time)); err != nil {
			t.Fatal(err)
		}
		if got := w.story(ids[0] + "-1"); !strings.HasSuffix(got[len(got)-1], "gateway=-5000 refunds=5000") {
			t.Errorf("%q", got)
		}
		w.runs()
		time.Sleep(time.Minute)
		agrees()
		if got := w.story(ids[1] + "-1"); got[len(got)-1] != "opening gateway=-4000 refunds=4000" {
			t.Errorf("%q", got)
		}
		balances, err := w.Balances(t.Context(), event1)
		if err != nil || balances["USD"][paymentapi.AccountGateway] != 30000-9000 {
			t.Errorf("%v %v", balances, err)
		}
	})
}

// Every way from one row to another balances, and adds up to the row's balance as the
// audit computes it.
func TestPostingsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 100_000_000_000).Draw(t, "amount")
		fees := rapid.Int64Range(0, amount).Draw(t, "fees")
		p := record{ID: "p", Amount: amount, Fees: fees, Tax: rapid.Int64Range(0, fees).Draw(t, "tax"), Status: paymentapi.Pending, Currency: "EUR", try: 1,
			account: rapid.SampledFrom([]string{"", "acct_hall"}).Draw(t, "account")}
		var at balance
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			e := event{kind: eventKind(rapid.IntRange(0, len(eventNames)-1).Draw(t, "event")), try: p.try, amount: rapid.Int64Range(1, amount).Draw(t, "part"),
				excess: rapid.SampledFrom([]int64{0, 0, 7, 1 - amount, -(amount / 2)}).Draw(t, "excess")}
			if e.kind == evRefunded {
				e.short = p.short(e.amount)
			}
			if e.kind == evCosts {
				continue
			}
			s, _, err := next(p.state(), e)
			if err != nil || s == p.state() {
				continue
			}
			to := p.moved(s, e, 0)
			from, then := p.balance(), to.balance()
			var sum int64
			for i := range then {
				at[i] += then[i] - from[i]
				sum += then[i]
			}
			if sum != 0 || at != then {
				t.Fatalf("%v after %v: %v, %v in the journal", to.Status, e.kind, then, at)
			}
			row := Row{ID: "p", Amount: to.Amount, Refunded: to.Refunded, Fees: to.Fees, Tax: to.Tax, Disputed: to.disputed, Status: to.Status, GivenUp: to.GivenUp(), Currency: "EUR",
				Account: to.account, Transferred: to.transferred, Excess: to.excess, ExcessBack: to.excessBack}
			for i, name := range paymentapi.Accounts {
				if want := row.accounts()[name]; want != then[i] {
					t.Fatalf("%v after %v: %s has %d, and should have %d", to.Status, e.kind, name, then[i], want)
				}
			}
			passed, share := then[inTransferred], -then[inOrganizer]-then[inTax]
			alone := to.elsewhere > 0 // refunds by others leave the organizer's account alone
			if p.account == "" && passed != 0 || passed < 0 || passed > share && !alone || p.Status == paymentapi.Authorized && p.account != "" && passed != share {
				t.Fatalf("%v after %v: %d passed on to %q, %d is the organizer's", to.Status, e.kind, passed, p.account, share)
			}
			p = to
		}
	})
}

// A payment's story is looked for around its steps; only what is not there is looked for
// elsewhere, up to a limit, and never before the payment.
func TestStoryIsReadAroundItsSteps(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	_, p := w.bought(fan.UserID)
	began := time.UnixMicro(p.CreatedAt)
	plant := func(at time.Time, text string) { w.change(sqlPost, event1, rowIDAt(at.UnixMicro()), "USD", text) }
	read := func(c caller.Caller, want string, all bool) {
		t.Helper()
		list, whole, err := w.Story(t.Context(), c, p.ID)
		var steps []string
		for _, one := range list {
			steps = append(steps, one.Step)
		}
		if got := strings.Join(steps, " "); err != nil || got != want || whole != all {
			t.Errorf("%q, whole: %v, %v; want %q, %v", got, whole, err, want, all)
		}
	}
	plant(began.Add(-2*clocksDiffer), `[{"p":"`+p.ID+`", unreadable`)
	plant(began.Add(4*time.Hour), `[{"p":"`+p.ID+`", unreadable`)
	read(admin, "authorized captured", true)
	read(fan, "authorized captured", true)

	const early = 20000 * 1_000_000 // the clocks were wrong by so many µs
	steps, err := p.steps()
	if err != nil {
		t.Fatal(err)
	}
	history := ""
	for _, one := range steps {
		history = appendStep(history, step{Status: one.Status, At: one.At.UnixMicro() - early})
	}
	w.change(`UPDATE payments SET created_at = $1, updated_at = $2, history = $3 WHERE id = $4`, p.CreatedAt-early, p.UpdatedAt-early, history, p.ID)
	read(admin, "authorized captured", true)
	plant(began.Add(-time.Second), strings.Repeat(" ", storyBytes)+"[]")
	read(fan, "", false)
	read(admin, "authorized captured", true)
}

// What has no step in the history, such as another method, is looked for while the payment
// was pending.
func TestStoryHasOtherMethods(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	_, p := w.bought(fan.UserID)
	began := time.UnixMicro(p.CreatedAt).Add(-5 * time.Minute)
	history := strings.Replace(p.History, fmt.Sprint(p.CreatedAt), fmt.Sprint(began.UnixMicro()), 1)
	w.change(`UPDATE payments SET created_at = $1, history = $2, version = version + 1, posted = posted + 1 WHERE id = $3`, began.UnixMicro(), history, p.ID)
	w.change(sqlPost, event1, rowIDAt(began.Add(2*time.Minute).UnixMicro()), "USD", `[{"p":"`+p.ID+`","s":"pending","c":"amended"}]`)
	list, whole, err := w.Story(t.Context(), admin, p.ID)
	if err != nil || !whole || len(list) != 3 || list[0].Cause != "amended" {
		t.Errorf("%+v %v %v", list, whole, err)
	}
}

// What the journal began with belongs to a payment's story.
func TestStoryBeginsWithTheJournal(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	_, p := w.bought(fan.UserID)
	at := p.CreatedAt - 90*24*time.Hour.Microseconds()
	w.change(`UPDATE payments SET created_at = $1, updated_at = $1, history = $2 WHERE id = $3`, at,
		fmt.Sprintf(`[{"status":"pending","at":%d},{"status":"captured","at":%d}]`, at, at+1), p.ID)
	w.change(sqlPost, event1, "00000000000000000-0", "USD", `[{"p":"`+p.ID+`","s":"opening"}]`)
	list, whole, err := w.Story(t.Context(), admin, p.ID)
	if err != nil || !whole || len(list) != 3 || list[0].Step != "opening" || list[2].Step != string(paymentapi.Captured) {
		t.Errorf("%+v %v %v", list, whole, err)
	}
}
