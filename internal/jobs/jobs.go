// Package jobs runs what goes on beside the requests: sweeping, following,
// handing over. A Runner owns each job from its start to its end. A job that
// fails or panics never ends the process and never just stops: that is logged,
// counted and told, and the job starts again, later each time.
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

// How long a job that failed waits before it starts again: twice as long each
// time, and from the beginning once it has run for as long as the longest wait.
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

// New is a runner without jobs, whose failures are counted in a registry.
func New(log *slog.Logger, metrics prometheus.Registerer) (*Runner, error) {
	r := &Runner{log: log, failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "boxoffice_job_failures_total",
		Help: "Background jobs that failed and were started again, by job and by what happened: error or panic.",
	}, []string{"job", "what"})}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, metrics.Register(r.failures)
}

// Go runs a job until Stop, in a goroutine of its own. The job ends when it
// returns nil, or when it returns after its context has ended; otherwise it is
// started again.
func (r *Runner) Go(name string, job func(context.Context) error) {
	for _, what := range []string{"error", "panic"} {
		r.failures.WithLabelValues(name, what) // they show as 0 before the first
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

// Panic is a panic that was caught.
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
