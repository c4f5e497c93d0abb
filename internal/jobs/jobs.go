// Package jobs runs background jobs. A Runner owns each job from its start to its end.
// A job that fails or panics neither ends the process nor stops silently: the failure
// is logged and counted, and the job is restarted, after a longer pause each time.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pauses before a failed job is restarted. They double with each failure, and start
// over once the job has run for as long as the longest pause.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = time.Minute
)

// Runner owns the jobs of a node.
type Runner struct {
	ctx      context.Context
	stop     context.CancelFunc
	log      *slog.Logger
	failures *prometheus.CounterVec
	running  sync.WaitGroup
}

// New returns a runner without jobs. Failures are counted in the registry.
func New(log *slog.Logger, metrics prometheus.Registerer) (*Runner, error) {
	r := &Runner{log: log, failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "boxoffice_job_failures_total",
		Help: "Background jobs that failed and were started again, by job and by what happened: error or panic.",
	}, []string{"job", "what"})}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, metrics.Register(r.failures)
}

// Go runs a job in a goroutine of its own until Stop. The job is done when it returns
// nil, or when it returns after its context has ended; otherwise it is restarted.
func (r *Runner) Go(name string, job func(context.Context) error) {
	for _, what := range []string{"error", "panic"} {
		r.failures.WithLabelValues(name, what) // exported as 0 before the first failure
	}
	r.running.Go(func() { r.keep(name, job) })
}

// Stop ends all jobs and waits for them.
func (r *Runner) Stop() {
	r.stop()
	r.running.Wait()
}

func (r *Runner) keep(name string, job func(context.Context) error) {
	wait := firstWait
	for {
		began := time.Now()
		err := Catch(func() error { return job(r.ctx) })
		what, attrs := "error", []any{"job", name, "error", err}
		if p, ok := err.(*Panic); ok {
			what, attrs = "panic", append(attrs, "stack", p.Stack)
		}
		if err == nil || r.ctx.Err() != nil && what == "error" {
			return
		}
		r.failures.WithLabelValues(name, what).Inc()
		if time.Since(began) > longestWait {
			wait = firstWait
		}
		r.log.Error("a background job has failed and will start again", append(attrs, "after", wait)...)
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longestWait)
	}
}

// Panic is a caught panic as an error.
type Panic struct {
	Value any
	Stack string
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Catch calls fn and turns a panic into an error of type *Panic.
func Catch(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{v, string(debug.Stack())}
		}
	}()
	return fn()
}
