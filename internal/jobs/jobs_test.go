package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A job that panics or fails is restarted after growing pauses, and logged with its
// stack and counted; a job that is done is not.
func TestJobsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		metrics := prometheus.NewRegistry()
		r, err := New(slog.New(slog.NewTextHandler(&said, nil)), metrics)
		if err != nil {
			t.Fatal(err)
		}
		var runs atomic.Int64
		r.Go("shaky", func(ctx context.Context) error {
			switch runs.Add(1) {
			case 1:
				panic("assignment to entry in nil map")
			case 2:
				return errors.New("no luck")
			}
			<-ctx.Done()
			return ctx.Err()
		})
		var once atomic.Int64
		r.Go("done", func(context.Context) error { once.Add(1); return nil })
		time.Sleep(firstWait + 2*firstWait - time.Millisecond)
		synctest.Wait()
		if runs.Load() != 2 {
			t.Errorf("%d runs: the second wait is not longer", runs.Load())
		}
		time.Sleep(time.Hour)
		r.Stop()
		if runs.Load() != 3 || once.Load() != 1 {
			t.Errorf("%d and %d runs", runs.Load(), once.Load())
		}
		families, err := metrics.Gather()
		if err != nil || len(families) != 1 || len(families[0].Metric) != 4 {
			t.Fatalf("%v %v", families, err)
		}
		for _, m := range families[0].Metric {
			want := 0.0
			if m.Label[0].GetValue() == "shaky" {
				want = 1
			}
			if m.Counter.GetValue() != want {
				t.Errorf("counted: %v", m)
			}
		}
		for _, part := range []string{"job=shaky", "assignment to entry in nil map", "jobs_test.go", "no luck"} {
			if !strings.Contains(said.String(), part) {
				t.Errorf("the log does not say %q: %s", part, said.String())
			}
		}
	})
}

// A job that always fails does not keep the runner from stopping.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		var runs atomic.Int64
		r.Go("broken", func(context.Context) error { runs.Add(1); panic("always") })
		time.Sleep(10 * time.Minute)
		r.Stop()
		if n := runs.Load(); n < 15 || n > 25 { // about ten of one a minute, and the first
			t.Errorf("%d runs in ten minutes", n)
		}
	})
}
