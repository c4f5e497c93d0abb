package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// compared compares the last hours, as if two hours had gone by since.
func (w *world) compared() *paymentapi.DayReport {
	w.t.Helper()
	c := sides{w.Service}
	now := time.Now()
	r, err := reconcile.Run(w.t.Context(), reconcile.Sources{Gateway: w.bank, Journal: c, Record: c, Now: func() time.Time { return now.Add(time.Hour) }},
		now.Add(-12*time.Hour), now.Add(12*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// explained checks that gateway, payments and journal agree, line by line.
func (w *world) explained() {
	w.t.Helper()
	if w.Service == nil { // it is down
		return
	}
	r := w.compared()
	delete(r.Found, reconcile.RefundFailed) // that is so, and for a person to decide
	delete(r.Found, reconcile.RefundElsewhere)
	delete(r.Found, reconcile.DisputeReturned)
	if w.bank.instead.Amount > 0 { // of what was not taken, a person is told each time
		for _, p := range w.ledgerRows() {
			if p.Took() && p.Excess < p.ExcessBack {
				delete(r.Found, reconcile.CaptureAmount)
			}
		}
	}
	if !r.OK() {
		w.t.Errorf("reconciled: %v, of %d lines, %d payments, %d postings: %+v", r.Found, r.Lines, r.Payments, r.Postings, r.Findings)
	}
}

// change writes to the database behind the service's back.
func (w *world) change(text string, args ...any) {
	w.t.Helper()
	err := w.db.Write(w.t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(w.t.Context(), text, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// bought is a booking that is paid.
func (w *world) bought(user string) (bookingapi.Booking, record) {
	w.t.Helper()
	b := w.house.hold(user, 1, 2)
	p, err := w.pay(b, paymentapi.SandboxOK, "")
	if err != nil || p.Status != paymentapi.Captured {
		w.t.Fatal(p.Status, err)
	}
	return b, p
}

// What a day's payments and refunds look like on all sides, and what is found once one
// side is changed.
func TestReconciled(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	w.runs()
	for range 5 {
		w.bought("fan0000000000001")
	}
	b, p := w.bought("fan0000000000002")
	w.house.cancel(b.ID, 3000)
	w.house.cancel(b.ID, 7000)
	patience.Until(t, "all is refunded", func() bool {
		p, err := w.store.payment(t.Context(), p.ID)
		return err == nil && p.Status == paymentapi.Refunded
	})
	r := w.compared()
	if !r.OK() || r.Lines != 8 || r.Payments != 6 || r.Explained["captured"] != 6 || r.Explained["refunded"] != 2 {
		t.Fatalf("%+v", r)
	}
	_, kept := w.bought("fan0000000000003")
	_, lost := w.bought("fan0000000000004")
	w.change(`DELETE FROM payments WHERE id = $1`, lost.ID) // as after a restore from an older backup
	w.bank.mu.Lock()
	for i := range w.bank.lines {
		if l := &w.bank.lines[i]; l.Charge == kept.ID+".1" {
			l.Amount++
		}
	}
	w.bank.mu.Unlock()
	r = w.compared()
	want := map[paymentapi.FindingKind]int64{reconcile.UnknownPayment: 1, reconcile.JournalUnknown: 1, reconcile.CaptureAmount: 1}
	if len(r.Found) != len(want) {
		t.Fatalf("%+v", r)
	}
	for kind, n := range want {
		if r.Found[kind] != n {
			t.Errorf("%s: %d, want %d", kind, r.Found[kind], n)
		}
	}
}

// Refunds that have failed are reported before those that wait, of which there may be many.
func TestFailedRefundsAreReportedFirst(t *testing.T) {
	w := newWorld(t)
	var entries []ledger.Entry
	for seq := range int64(5) {
		entries = append(entries, ledger.Entry{EventID: event1, Seq: seq + 1, BookingID: event1 + "b", Amount: 100})
	}
	if err := w.store.do(t.Context(), &intake{entries: entries, now: 1}); err != nil {
		t.Fatal(err)
	}
	w.change(`UPDATE refunds SET status = 'failed' WHERE event_id = $1 AND seq = 5`, event1)
	var kinds []paymentapi.FindingKind
	for f, err := range (sides{w.Service}).Open(t.Context(), w.now(), time.UnixMicro(0), w.now()) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, f.Kind)
	}
	if stuck := reconcile.RefundStuck; !slices.Equal(kinds, []paymentapi.FindingKind{reconcile.RefundFailed, stuck, stuck, stuck, stuck}) {
		t.Error(kinds)
	}
}

// However many refunds there are, all are reported, a page at a time.
func TestManyOpenRefunds(t *testing.T) {
	w := newWorld(t)
	const n = 2*listedAtOnce + 3
	var entries []ledger.Entry
	for seq := range int64(2 * n) {
		entries = append(entries, ledger.Entry{EventID: event1, Seq: seq + 1, BookingID: event1 + "b", Amount: 100})
	}
	if err := w.store.do(t.Context(), &intake{entries: entries, now: 1}); err != nil {
		t.Fatal(err)
	}
	w.change(`UPDATE refunds SET status = 'failed' WHERE event_id = $1 AND seq > $2`, event1, n)
	found := map[string]bool{}
	var kinds [2]int
	for f, err := range (sides{w.Service}).Open(t.Context(), w.now(), time.UnixMicro(0), w.now()) {
		if err != nil {
			t.Fatal(err)
		}
		found[f.Refund] = true
		if f.Kind == reconcile.RefundStuck {
			kinds[0]++
		} else {
			kinds[1]++
		}
	}
	if len(found) != 2*n || kinds != [2]int{n, n} {
		t.Errorf("%d of %d, %v", len(found), 2*n, kinds)
	}
}

// A payment that was given up is captured nevertheless, and nobody here has noticed: the
// gateway is asked before that is reported, and the money goes back.
func TestReconcilingAsks(t *testing.T) {
	w := newWorld(t)
	w.runs()
	b := w.house.hold("fan0000000000001", 1)
	p, err := w.pay(b, "tok_never", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil && errs.KindOf(err) == errs.Internal {
		t.Fatal(err)
	}
	patience.Until(t, "it is voided", func() bool {
		p, err := w.store.payment(t.Context(), p.ID)
		return err == nil && p.Status == paymentapi.Voided
	})
	w.bank.mu.Lock()
	a := w.bank.charges[p.ID+".1"]
	a.standing, a.captures = provider.Taken, 1
	w.bank.line(provider.Captured, p.ID+".1.capture", p.charge(1), p.Amount)
	w.bank.mu.Unlock()
	if r := w.compared(); r.Asked != 1 {
		t.Errorf("%+v", r)
	}
	patience.Until(t, "its money is back", func() bool {
		p, err := w.store.payment(t.Context(), p.ID)
		return err == nil && p.Status == paymentapi.Refunded
	})
	w.agree()
}

// What stays under way for too long is reported.
func TestStuck(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold("fan0000000000001", 1)
	w.bank.lost["authorize"] = 1 << 30
	if _, err := w.pay(b, paymentapi.SandboxOK, ""); err != nil && errs.KindOf(err) == errs.Internal {
		t.Fatal(err)
	}
	c := sides{w.Service}
	kinds := map[paymentapi.FindingKind]int{}
	for f, err := range c.Open(t.Context(), time.Now().Add(time.Hour), time.Now().Add(-time.Hour), time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[f.Kind]++
	}
	if kinds[reconcile.Stuck] != 1 || len(kinds) != 1 {
		t.Errorf("%v", kinds)
	}
	w.bank.mu.Lock()
	w.bank.lost["authorize"] = 0
	w.bank.mu.Unlock()
}

var admin = caller.Caller{UserID: "admin00000000001", Role: caller.Admin}

// Each day is compared once it is over; days that were missed follow.
func TestDays(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2031, 5, 6, 1, 0, 0, 0, time.UTC)
	w.Service.now = func() time.Time { return now }
	days := func() (list []string) {
		t.Helper()
		if err := w.compareDays(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := w.ReconciledDays(t.Context(), admin, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range found {
			list = append(list, d.Day)
		}
		return list
	}
	if list := days(); len(list) != 1 || list[0] != "2031-05-04" {
		t.Fatal(list)
	}
	now = now.Add(dayOver)
	if list := days(); len(list) != 2 || list[0] != "2031-05-05" {
		t.Fatal(list)
	}
	now = now.AddDate(0, 0, 20) // it was not there, or was restored
	if list := days(); len(list) != 22 || list[0] != "2031-05-25" || list[19] != "2031-05-06" {
		t.Fatal(list)
	}
	d, err := w.ReconciledDay(t.Context(), admin, "2031-05-25")
	if err != nil || !d.Report.OK() || d.Day != "2031-05-25" || !d.At.Equal(now) {
		t.Fatal(d, err)
	}
	for _, c := range []caller.Caller{{}, fan, {UserID: "o", Role: caller.Organizer}} {
		if _, err := w.ReconciledDays(t.Context(), c, 1); err == nil {
			t.Errorf("%+v reads days", c)
		}
		if _, err := w.ReconciledDay(t.Context(), c, "2031-05-25"); err == nil {
			t.Errorf("%+v reads a day", c)
		}
	}
	for _, day := range []string{"2031-06-25", "x", ""} {
		if _, err := w.ReconciledDay(t.Context(), admin, day); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%q: %v", day, err)
		}
	}
}

// brokenList cannot be read at one moment.
type brokenList struct {
	*bank
	at time.Time
}

func (b *brokenList) Lines(ctx context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	if b.at.Before(from) || !b.at.Before(to) {
		return b.bank.Lines(ctx, from, to)
	}
	return func(yield func(provider.Line, error) bool) { yield(provider.Line{}, errors.New("unreadable")) }
}

// A day that cannot be compared keeps no other from it; it is found in the list, and tried
// again for a week.
func TestDayThatCannotBeCompared(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2031, 5, 6, 3, 0, 0, 0, time.UTC)
	w.Service.now = func() time.Time { return now }
	look := func(fails bool) map[string]string {
		t.Helper()
		if err := w.compareDays(t.Context()); (err != nil) != fails {
			t.Fatal(err)
		}
		list, err := w.ReconciledDays(t.Context(), admin, 100)
		if err != nil {
			t.Fatal(err)
		}
		days := map[string]string{}
		for _, d := range list {
			days[d.Day] = fmt.Sprint(d.Report.Found)
		}
		return days
	}
	look(false)
	const broken = "2031-05-06"
	list := &brokenList{bank: w.bank, at: time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)}
	w.Service.gateway = list
	now = now.AddDate(0, 0, 3)
	if days := look(true); len(days) != 3 || days[broken] != "" {
		t.Errorf("at first: %v", days)
	}
	for range 2 {
		if days := look(true); len(days) != 4 || days[broken] != "map[not-compared:1]" {
			t.Errorf("then: %v", days)
		}
	}
	if d, err := w.ReconciledDay(t.Context(), admin, broken); err != nil || len(d.Report.Findings) != 1 || d.Report.Findings[0].Says == "" {
		t.Error(d, err)
	}
	now = now.Add(tryDays + time.Hour)
	if days := look(false); len(days) != 11 || days[broken] != "map[not-compared:1]" {
		t.Errorf("after a week: %v", days)
	}
	now = now.Add(-2 * time.Hour)
	list.at = time.Time{}
	if days := look(false); days[broken] != "map[]" {
		t.Errorf("it is mended: %v", days)
	}
}

// What somebody compares by hand neither keeps a day from being compared once it is over,
// nor replaces what was found with the gateway's list.
func TestDaysByHand(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	w.Service.now = func() time.Time { return now }
	byHand := func(day int) {
		t.Helper()
		if _, err := w.Reconcile(t.Context(), time.Date(2031, 5, day, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(day string) bool {
		t.Helper()
		_, err := w.ReconciledDay(t.Context(), admin, day)
		if err != nil && errs.KindOf(err) != errs.NotFound {
			t.Fatal(err)
		}
		return err == nil
	}
	for _, day := range []int{6, 7} { // today, and tomorrow
		if byHand(day); kept(fmt.Sprintf("2031-05-%02d", day)) {
			t.Errorf("%d is kept, and is not over", day)
		}
	}
	now = time.Date(2031, 5, 7, 1, 0, 0, 0, time.UTC)
	if byHand(6); kept("2031-05-06") {
		t.Error("a day is kept while its last payments are under way")
	}
	now = now.Add(dayOver)
	if err := w.compareDays(t.Context()); err != nil || !kept("2031-05-06") {
		t.Fatal(err)
	}
	if byHand(5); !kept("2031-05-05") {
		t.Error("a day that is over is not kept")
	}

	found := &paymentapi.DayReport{Found: map[paymentapi.FindingKind]int64{reconcile.Stuck: 1}}
	if err := w.store.keepDay(t.Context(), time.Date(2031, 5, 6, 0, 0, 0, 0, time.UTC), now, found); err != nil {
		t.Fatal(err)
	}
	gateway := w.Service.gateway
	w.Service.gateway = nil // as the command without --payments
	byHand(6)
	if d, err := w.ReconciledDay(t.Context(), admin, "2031-05-06"); err != nil || d.Report.OK() {
		t.Errorf("its findings are gone: %+v %v", d, err)
	}
	if byHand(4); kept("2031-05-04") {
		t.Error("a day is kept that was not compared with the list")
	}
	w.Service.gateway = gateway
	byHand(6)
	if d, err := w.ReconciledDay(t.Context(), admin, "2031-05-06"); err != nil || !d.Report.OK() {
		t.Errorf("it was compared with the list again: %+v %v", d, err)
	}
}

// After an outage, what was under way goes on only when the days are compared: it is
// reported as stuck if it does not.
func TestDaysAfterAnOutage(t *testing.T) {
	for _, goesOn := range []bool{true, false} {
		w := newWorld(t)
		b := w.house.hold("fan0000000000001", 1)
		w.bank.lost["authorize"] = 1 << 30
		p, err := w.pay(b, paymentapi.SandboxOK, "")
		if err != nil && errs.KindOf(err) == errs.Internal {
			t.Fatal(err)
		}
		w.crash()
		w.bank.lost["authorize"] = 0
		w.boot()
		w.Service.now = func() time.Time { return time.Now().Add(50 * time.Hour) }
		look := func() []paymentapi.ReconciledDay {
			t.Helper()
			if err := w.compareDays(t.Context()); err != nil {
				t.Fatal(err)
			}
			days, err := w.ReconciledDays(t.Context(), admin, 10)
			if err != nil {
				t.Fatal(err)
			}
			return days
		}
		if days := look(); len(days) != 0 {
			t.Errorf("reported at once: %+v", days)
		}
		if goesOn {
			patience.Until(t, "it is over", func() bool {
				if _, err := w.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				p, err := w.store.payment(t.Context(), p.ID)
				return err == nil && p.Status.Final()
			})
		}
		if days := look(); len(days) != 1 || days[0].Report.OK() != goesOn {
			t.Errorf("goes on: %v, reported: %+v", goesOn, days)
		}
	}
}

// The payments of a booking come in the order of its attempts.
func TestSidesInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		other := w.house.hold("fan0000000000002", 2)
		const attempts = 11
		for i := range attempts {
			if _, err := w.pay(b, paymentapi.SandboxDecline, strconv.Itoa(i)); err == nil {
				t.Fatal("it was not declined")
			}
		}
		if _, err := w.pay(other, paymentapi.SandboxDecline, ""); err == nil {
			t.Fatal("it was not declined")
		}
		found, err := sides{w.Service}.OfBookings(t.Context(), []string{b.ID, other.ID})
		if err != nil || len(found) != 2 || len(found[b.ID]) != attempts || len(found[other.ID]) != 1 {
			t.Fatalf("%v %v", found, err)
		}
		for i, p := range found[b.ID] {
			if p.ID != paymentID(b.ID, int64(i+1)) {
				t.Errorf("%d: %s", i, p.ID)
			}
		}
	})
}
