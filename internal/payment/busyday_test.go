package payment

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// busyDay is a day of n payments: in the tables, and in the list of a gateway, which is
// made up as it is read.
type busyDay struct {
	day time.Time
	n   int
}

// booking is the id of the i-th booking, in no order.
func (d busyDay) booking(i int) string {
	var b [id.PackedLen]byte
	binary.BigEndian.PutUint64(b[2:], uint64(i/1000%50)) // one of fifty events
	binary.BigEndian.PutUint64(b[10:], uint64(i)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint32(b[18:], uint32(i))
	return id.Unpack(b)
}

func (d busyDay) at(i int) time.Time {
	return d.day.Add(time.Duration(i) * (23 * time.Hour / time.Duration(d.n)))
}

func (d busyDay) reference(i int) string { return "pi_3OqXyZ" + strconv.Itoa(i) }

// Lines implements provider.Books.
func (d busyDay) Lines(_ context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		for i := range d.n {
			at := d.at(i).Add(time.Second)
			if at.Before(from) || !at.Before(to) {
				continue
			}
			charge := paymentID(d.booking(i), 1) + ".1"
			if !yield(provider.Line{ID: "ch_" + strconv.Itoa(i), Kind: provider.Captured, Charge: charge, Reference: d.reference(i),
				Key: charge + ".capture", Amount: 5000, Fee: 75, Currency: "EUR", At: at}, nil) {
				return
			}
		}
	}
}

// fill writes the payments and their journal, as the service would.
func (d busyDay) fill(b *testing.B, w *world) {
	const atOnce = 50
	for first := 0; first < d.n; first += 10_000 {
		err := w.db.Write(b.Context(), func(tx *sql.Tx) error {
			pay, err := tx.PrepareContext(b.Context(), `INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
				try, void_wanted, refunded, reason, reference, version, created_at, updated_at, history, started_at, ends_as, lang, fees, tax, alternatives, posted)
				VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, 1, FALSE, 0, '', $9, $10, $11, $12, $13, $11, '', '', 0, 0, FALSE, $10)`)
			if err != nil {
				return err
			}
			post, err := tx.PrepareContext(b.Context(), sqlPost)
			if err != nil {
				return err
			}
			for start := first; start < min(first+10_000, d.n); start += atOnce {
				var posts []posted
				for i := start; i < min(start+atOnce, d.n); i++ {
					at := d.at(i).UnixMicro()
					p := newPayment(record{BookingID: d.booking(i), EventID: id.Event(d.booking(i)), UserID: "user000000000001", Amount: 5000, Currency: "EUR",
						Status: paymentapi.Pending, Method: "tok_ok", CreatedAt: at, UpdatedAt: at}, 1)
					for _, e := range []event{{kind: evApproved, try: 1, reference: d.reference(i)}, {kind: evCaptured, try: 1}} {
						to, _, err := next(p.state(), e)
						if err != nil {
							return err
						}
						m := move{from: p, to: p.moved(to, e, at+1e6), cause: e}
						posts = append(posts, posted{p.EventID, p.Currency, m.posting(p.balance())})
						p = m.to
					}
					if _, err := pay.ExecContext(b.Context(), p.ID, p.BookingID, p.EventID, p.UserID, p.Amount, p.Currency, string(p.Status), p.Method,
						p.reference, p.Version, p.CreatedAt, p.UpdatedAt, p.History); err != nil {
						return err
					}
				}
				for _, r := range w.store.notePosted(posts) {
					r.id = rowIDAt(d.at(start).UnixMicro() + 1e6)
					if _, err := post.ExecContext(b.Context(), r.event, r.id, r.currency, string(r.postings)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDay compares a day of N payments (1,000,000 without N) that are in the database with the
// list of a gateway, and prints the CPU time and how much memory the process has had at most.
func BenchmarkDay(b *testing.B) {
	w := newWorld(b)
	d := busyDay{time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), 1_000_000}
	if text := os.Getenv("N"); text != "" {
		d.n, _ = strconv.Atoi(text)
	}
	d.fill(b, w)
	c := sides{w.Service}
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for b.Loop() {
		debug.FreeOSMemory()
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // forgets the peak
		before := used()
		r, err := reconcile.Run(b.Context(), reconcile.Sources{Gateway: d, Journal: c, Record: c, Now: func() time.Time { return d.day.AddDate(0, 0, 2) }}, d.day, d.day.AddDate(0, 0, 1))
		if err != nil || !r.OK() || r.Lines != int64(d.n) || r.Payments != int64(d.n) || r.Postings != int64(d.n) {
			b.Fatalf("%v: %+v", err, r)
		}
		b.ReportMetric((used() - before).Seconds(), "CPU-s")
	}
	var kB int64
	raw, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(raw)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			b.ReportMetric(float64(kB)/1024, "peak-MB")
		}
	}
}
