package checkin

import (
	"crypto/ed25519"
	"testing"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/ticket"
)

// BenchmarkScans measures how many scans of valid tickets a node takes, each in a request of
// its own from one of 200 gates that wait for their answers. SQLite, with all commits on
// disk; BOXOFFICE_TEST_DATABASE=postgres for PostgreSQL.
func BenchmarkScans(b *testing.B) {
	w := newWorld(b)
	w.cfg.Synchronous = ""
	plan, err := seating.Generate("stadium/2", 80_000)
	if err != nil {
		b.Fatal(err)
	}
	plan.ID, plan.Version, w.plan = "plan", 3, plan
	if w.signer, err = ticket.NewSigner([]ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))}); err != nil {
		b.Fatal(err)
	}
	s := w.node(b)
	const gates = 200
	scans := make(chan checkinapi.Scan, b.N)
	for i := range b.N {
		seat := int32(i % 80_000)
		booking := w.sell("ann", seat)
		scans <- checkinapi.Scan{Ref: checkinapi.Ref{Counter: int64(i + 1)}, Stamp: checkinapi.Stamp{At: evening / 1000}, Kind: checkinapi.In, Token: w.token(b, booking, seat), Entrance: checkinapi.MainEntrance, How: checkinapi.Camera}
	}
	close(scans)
	doors := make([]*gateOf, gates)
	for i := range doors {
		doors[i] = w.gate(b, s)
	}
	b.ResetTimer()
	done := make(chan error, gates)
	for _, g := range doors {
		go func() {
			for sc := range scans {
				answers, err := s.Take(b.Context(), gala, g.device, []checkinapi.Scan{sc})
				if err == nil && answers[0].Reason != checkinapi.OK {
					b.Errorf("%+v", answers[0])
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range doors {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scans/s")
}
