package payment

import (
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/paymentapi"
)

// metrics are the service's counters.
type metrics struct {
	outcomes *prometheus.CounterVec
	refunds  *prometheus.CounterVec
	stuck    prometheus.Counter
	panics   prometheus.Counter

	refundsLate prometheus.Gauge
	day         prometheus.Gauge
	findings    *prometheus.GaugeVec
	daysFailed  prometheus.Counter
	captured    prometheus.Counter // of outcomes: the one that is hot
}

func newMetrics() *metrics {
	m := &metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_payments_total", Help: "Payments that ended, by outcome.",
		}, []string{"outcome"}),
		refunds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_refunds_total", Help: "Refunds that ended, by outcome.",
		}, []string{"outcome"}),
		stuck: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_payments_stuck_total", Help: "Payments that met something impossible and need a person.",
		}),
	}
	m.panics = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "boxoffice_payments_panics_total", Help: "Panics in the work on payments and refunds; the work is tried again.",
	})
	m.refundsLate = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_refunds_delayed", Help: "Refunds whose last try has failed; they are tried again.",
	})
	m.day = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_reconciled_day_seconds", Help: "The last day that was compared with the payment gateway's list: its beginning in UTC, in seconds since 1970.",
	})
	m.findings = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "boxoffice_reconcile_findings", Help: "Discrepancies on that day, by kind.",
	}, []string{"kind"})
	m.daysFailed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "boxoffice_reconcile_failures_total", Help: "Comparisons of a day that failed, such as because the gateway did not answer; they are tried again.",
	})
	m.captured = m.outcomes.WithLabelValues(string(paymentapi.Captured))
	return m
}

func (m *metrics) ended(s paymentapi.Status) {
	if s == paymentapi.Captured {
		m.captured.Inc()
		return
	}
	m.outcomes.WithLabelValues(string(s)).Inc()
}

// instrument registers the service's metrics.
func (s *Service) instrument(r prometheus.Registerer) error {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	counter := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		s.metrics.outcomes, s.metrics.refunds, s.metrics.stuck, s.metrics.panics, s.metrics.refundsLate, s.metrics.day, s.metrics.findings, s.metrics.daysFailed,
		gauge("boxoffice_payments_under_way", "Payments that this process drives.", func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(len(s.drives))
		}),
		gauge("boxoffice_payments_waiting_writes", "Writes of payments that wait for a batch.", func() float64 {
			return float64(s.store.queue.Waiting())
		}),
		counter("boxoffice_payments_batches_total", "Transactions that wrote payments.", func() float64 {
			return float64(s.store.commits.Load())
		}),
		counter("boxoffice_payments_writes_total", "Writes of payments; divided by the transactions, the size of a batch.", func() float64 {
			return float64(s.store.committed.Load())
		}),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
