package booking

import (
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
)

// metrics are the writers' metrics for operators.
type metrics struct {
	batch    prometheus.Histogram
	wait     prometheus.Histogram
	guards   prometheus.Counter
	commands *prometheus.CounterVec
	ledger   *prometheus.CounterVec
	panics   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "boxoffice_writer_batch_commands", Help: "Commands in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "boxoffice_writer_wait_seconds", Help: "Time that commands wait for a batch, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		guards: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_writer_guards_total", Help: "Batches begun again because a row had changed under the decision.",
		}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_commands_total", Help: "Decided commands by kind and outcome.",
		}, []string{"command", "outcome"}),
		ledger: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_ledger_entries_total", Help: "Ledger entries by kind: bookings by what became of them.",
		}, []string{"kind"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_booking_panics_total", Help: "Panics that were caught in the booking service, by where: writer, views, janitor, follow or live.",
		}, []string{"where"}),
	}
	for _, where := range []string{"writer", "views", "janitor", "follow", "live"} {
		m.panics.WithLabelValues(where) // exported as 0 before the first panic
	}
	if reg != nil {
		reg.MustRegister(m.batch, m.wait, m.guards, m.commands, m.ledger, m.panics)
	}
	return m
}

// catch calls fn; a panic becomes an error, which is logged with its stack and
// counted.
func (m *metrics) catch(log *slog.Logger, where string, fn func() error) error {
	err := jobs.Catch(fn)
	m.noted(log, where, err)
	return err
}

// noted logs and counts an error that is a panic.
func (m *metrics) noted(log *slog.Logger, where string, err error) {
	var p *jobs.Panic
	if errors.As(err, &p) {
		m.panics.WithLabelValues(where).Inc()
		log.Error("the booking service panicked and goes on", "where", where, "error", p, "stack", p.Stack)
	}
}

// decided counts the commands of a batch by kind and outcome. Neighbouring commands
// are mostly alike, so it looks up each counter once a run: that costs more than
// counting.
func (m *metrics) decided(items []*item, answers []answer) {
	n := 0
	for i, it := range items {
		n++
		do, outcome := it.Value.cmd.do, outcomeOf(answers[i].err)
		if i+1 == len(items) || items[i+1].Value.cmd.do != do || outcomeOf(answers[i+1].err) != outcome {
			m.commands.WithLabelValues(do.String(), outcome).Add(float64(n))
			n = 0
		}
	}
}

func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	if e := errs.Of(err); e != nil {
		return e.Type
	}
	return "error"
}

// entries counts a batch's entries by kind.
func (m *metrics) entries(list []ledger.Entry) {
	n := 0
	for i := range list {
		if n++; i+1 == len(list) || list[i+1].Kind != list[i].Kind {
			m.ledger.WithLabelValues(string(list[i].Kind)).Add(float64(n))
			n = 0
		}
	}
}

// seatGauge reports the seats of the events in memory by state.
type seatGauge struct {
	views *views
	desc  *prometheus.Desc
}

func newSeatGauge(vs *views) seatGauge {
	return seatGauge{vs, prometheus.NewDesc("boxoffice_seats", "Seats by state, of the events that this node has in memory.", []string{"state"}, nil)}
}

func (g seatGauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

func (g seatGauge) Collect(ch chan<- prometheus.Metric) {
	var sum bookingapi.Counts
	g.views.mu.RLock()
	for _, v := range g.views.byID {
		c := v.counts()
		sum.Free, sum.Held, sum.Sold = sum.Free+c.Free, sum.Held+c.Held, sum.Sold+c.Sold
	}
	g.views.mu.RUnlock()
	for state, n := range map[string]int32{"free": sum.Free, "held": sum.Held, "sold": sum.Sold} {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(n), state)
	}
}
