package webhook

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the service's measurements.
type metrics struct {
	attempts *prometheus.CounterVec
	waiting  prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_webhook_attempts_total", Help: "Attempts to send a webhook by outcome: ok, or what was wrong.",
		}, []string{"outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "boxoffice_webhook_waiting", Help: "Deliveries of webhooks that are due and not sent yet, on the node that sends; counted each minute.",
		}),
	}
}

func (m *metrics) register(to prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.attempts, m.waiting} {
		if err := to.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// attempt counts an attempt.
func (m *metrics) attempt(o *outcome) {
	text := o.failure
	if o.ok() {
		text = "ok"
	}
	m.attempts.WithLabelValues(text).Inc()
}

// waitingMost is how far due deliveries are counted.
const waitingMost = 100_000

// countWaiting counts the deliveries that are due.
func (s *Service) countWaiting(ctx context.Context) error {
	var n int
	err := s.store.db.Reader().QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE status = 'waiting' AND due_at <= $1 LIMIT $2) AS due`,
		s.now().UnixMicro(), waitingMost).Scan(&n) // the index webhook_deliveries_due, once a minute
	if err != nil {
		return fmt.Errorf("count webhooks that wait: %w", err)
	}
	s.metrics.waiting.Set(float64(n))
	return nil
}
