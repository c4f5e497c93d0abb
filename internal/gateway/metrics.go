package gateway

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by route, method and class of status.
type metrics struct {
	inFlight   prometheus.Gauge
	short      prometheus.Counter
	limited    *prometheus.CounterVec
	turnedAway prometheus.Counter
	duration   *prometheus.HistogramVec
	routes     sync.Map // route → *[methods][classes]prometheus.Observer; label look-ups are expensive on the hot path
}

// classes of status, by their first digit.
var classes = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// counted are the methods counted by name; clients can invent others.
var counted = [...]string{"other", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions}

type series [len(counted)][len(classes)]struct {
	once     sync.Once
	observer prometheus.Observer
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "boxoffice_http_requests_in_flight", Help: "Requests being served."}),
		short:    prometheus.NewCounter(prometheus.CounterOpts{Name: "boxoffice_http_requests_short_total", Help: "Requests answered on the fast path."}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "boxoffice_http_limited_total", Help: "Requests refused by a rate limit, by its name.",
		}, []string{"limit"}),
		turnedAway: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_http_turned_away_total", Help: "Holds refused early because the writers were far behind.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "boxoffice_http_request_seconds", Help: "Time to serve requests, in seconds, by route, method and class of status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 11),
		}, []string{"route", "method", "status"}),
	}
	if reg != nil {
		reg.MustRegister(m.inFlight, m.short, m.duration, m.limited, m.turnedAway)
	}
	return m
}

// served counts a request; status 0 means that the handler set none. The route is
// one of the router's patterns, so there are few labels.
func (m *metrics) served(route, method string, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK
	}
	s, ok := m.routes.Load(route)
	if !ok {
		s, _ = m.routes.LoadOrStore(route, new(series))
	}
	verb, class := 0, 0
	for i, name := range counted {
		if name == method {
			verb = i
		}
	}
	if c := status / 100; c > 0 && c < len(classes) {
		class = c
	}
	one := &s.(*series)[verb][class]
	one.once.Do(func() { one.observer = m.duration.WithLabelValues(route, counted[verb], classes[class]) })
	one.observer.Observe(took.Seconds())
}
