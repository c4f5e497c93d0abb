package reconcile

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// million is a day of payments, made up as it is read: nothing of it is in memory.
type million struct{ n int }

// booking is the id of the i-th booking, in no order.
func (m million) booking(i int) string {
	var b [id.PackedLen]byte
	binary.BigEndian.PutUint64(b[2:], uint64(i%50)) // one of fifty events
	binary.BigEndian.PutUint64(b[10:], uint64(i)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint32(b[18:], uint32(i))
	return id.Unpack(b)
}

func (m million) number(booking string) int {
	b, ok := id.Pack(booking)
	if !ok {
		return -1
	}
	return int(binary.BigEndian.Uint32(b[18:]))
}

func (m million) at(i int) time.Time {
	return day.Add(time.Duration(i) * (24 * time.Hour / time.Duration(m.n)))
}

// refunded reports whether a payment was refunded, a minute later.
func refunded(i int) bool { return i%20 == 7 }

func (m million) Lines(_ context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		for i := range m.n {
			at := m.at(i)
			if at.Before(from) || !at.Before(to) {
				continue
			}
			charge := m.booking(i) + "-1.1"
			l := provider.Line{ID: "ch_" + strconv.Itoa(i), Kind: provider.Captured, Charge: charge, Reference: "pi_3OqXyZ" + strconv.Itoa(i),
				Key: charge + ".capture", Amount: 5000 + int64(i%100), Fee: 75, Currency: "EUR", At: at}
			if !yield(l, nil) {
				return
			}
			if refunded(i) {
				l.ID, l.Kind, l.Key, l.At = "re_"+strconv.Itoa(i), provider.Refunded, charge[:id.Len]+":"+strconv.Itoa(i), at.Add(time.Minute)
				if !yield(l, nil) {
					return
				}
			}
		}
	}
}

func (m million) Movements(ctx context.Context, from, to time.Time) iter.Seq2[Movement, error] {
	return func(yield func(Movement, error) bool) {
		for l, err := range m.Lines(ctx, from, to) {
			x := Movement{Kind: l.Kind, Charge: strings.TrimSuffix(l.Charge, ".1"), Amount: l.Amount, Currency: l.Currency, At: l.At.Add(time.Second).UnixMicro()}
			if !yield(x, err) {
				return
			}
		}
	}
}

func (m million) Since(context.Context) (time.Time, error) { return time.Time{}, nil }

func (m million) OfBookings(_ context.Context, ids []string) (map[string][]Payment, error) {
	out := make(map[string][]Payment, len(ids))
	for _, booking := range ids {
		i := m.number(booking)
		at := m.at(i).UnixMicro()
		p := Payment{ID: booking + "-1", BookingID: booking, Status: paymentapi.Captured, Amount: 5000 + int64(i%100), Currency: "EUR",
			Reference: "pi_3OqXyZ" + strconv.Itoa(i), Methods: 1, CreatedAt: at, UpdatedAt: at}
		p.Movements = append(p.Movements, Movement{Kind: provider.Captured, Amount: p.Amount, Currency: "EUR", At: at + 1e6})
		if refunded(i) {
			p.Status, p.Refunded = paymentapi.Refunded, p.Amount
			p.Movements = append(p.Movements, Movement{Kind: provider.Refunded, Amount: p.Amount, Currency: "EUR", At: at + 61e6})
		}
		out[booking] = []Payment{p}
	}
	return out, nil
}

func (m million) Ask(context.Context, string) error { return nil }

func (m million) Open(context.Context, time.Time, time.Time, time.Time) iter.Seq2[Finding, error] {
	return func(func(Finding, error) bool) {}
}

// BenchmarkMillion compares a day of 1,000,000 payments, and prints how much memory the
// process has had at most.
func BenchmarkMillion(b *testing.B) {
	m := million{1_000_000}
	for b.Loop() {
		debug.FreeOSMemory()
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // forgets the peak
		r, err := Run(context.Background(), Sources{Gateway: m, Journal: m, Record: m, Now: func() time.Time { return day.AddDate(0, 0, 2) }}, day, day.AddDate(0, 0, 1))
		if err != nil || !r.OK() || r.Lines < 1_000_000 || r.Payments < 1_000_000 {
			b.Fatal(err, found(r), r.Lines, r.Payments)
		}
		b.ReportMetric(float64(r.Lines+r.Postings), "movements")
	}
	if kB, ok := peak(); ok {
		b.ReportMetric(float64(kB)/1024, "peak-MB")
	}
}

// peak is the most memory that the process has had, in kB.
func peak() (kB int64, ok bool) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(raw)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			return kB, true
		}
	}
	return 0, false
}
