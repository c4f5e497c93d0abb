package notices

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	received *prometheus.CounterVec
	unknown  prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_payment_notices_total", Help: "Messages of the payment gateway, by outcome: stored, again, foreign, forged, unreadable.",
		}, []string{"outcome"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_payment_notices_unknown_total", Help: "Messages about payments that are not in the record.",
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.received, m.unknown} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
