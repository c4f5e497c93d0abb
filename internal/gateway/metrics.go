package gateway

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by route, method and status.
type metrics struct {
	inFlight prometheus.Gauge
	duration *prometheus.HistogramVec
	series   sync.Map // seriesKey → prometheus.Observer: label look-ups are dear on the hot path
}

type seriesKey struct {
	route, method string
	status        int
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "boxoffice_http_requests_in_flight", Help: "Requests being served."}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "boxoffice_http_request_seconds", Help: "Time to serve requests, in seconds, by route, method and status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 11),
		}, []string{"route", "method", "status"}),
	}
	if reg != nil {
		reg.MustRegister(m.inFlight, m.duration)
	}
	return m
}

func (m *metrics) served(route, method string, status int, took time.Duration) {
	if status == 0 {
		status = 200
	}
	key := seriesKey{route, method, status}
	o, ok := m.series.Load(key)
	if !ok {
		if !known[method] {
			key.method, method = "other", "other"
		}
		o, _ = m.series.LoadOrStore(key, m.duration.WithLabelValues(route, method, strconv.Itoa(status)))
	}
	o.(prometheus.Observer).Observe(took.Seconds())
}

// known methods are counted by name; anybody may invent others.
var known = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "OPTIONS": true, "PATCH": true}
