package bus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what operators see of the bus.
type metrics struct {
	waiting  *prometheus.GaugeVec
	failures *prometheus.CounterVec
	lag      *prometheus.HistogramVec
	dead     *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "boxoffice_bus_waiting",
			Help: "Messages that were in an outbox when it was last looked through, by topic.",
		}, []string{"topic"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_bus_failures_total",
			Help: "Failed tries to consume a message, by consumer.",
		}, []string{"consumer"}),
		dead: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "boxoffice_bus_dead",
			Help: "Dead letters, by consumer: see boxoffice bus dead.",
		}, []string{"consumer"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "boxoffice_bus_lag_seconds",
			Help:    "Time from a message's commit until a consumer has taken it, by consumer.",
			Buckets: []float64{.01, .025, .05, .1, .2, .5, 1, 5, 30, 300, 3600},
		}, []string{"consumer"}),
	}
}

func (m *metrics) register(to prometheus.Registerer) error {
	return errors.Join(to.Register(m.waiting), to.Register(m.failures), to.Register(m.lag), to.Register(m.dead))
}
