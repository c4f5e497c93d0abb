package rush

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"boxoffice/internal/sqldb"
)

// memory returns the servers' resident memory in bytes; 0 for servers that run
// elsewhere.
func (r *rehearsal) memory(ctx context.Context) (sum int64, err error) {
	err = r.metrics(ctx, "process_resident_memory_bytes", func(m *dto.Metric) { sum += int64(m.GetGauge().GetValue()) })
	return sum, err
}

// deliverTime is how long messages may be under way after the on-sale.
const deliverTime = time.Minute

// delivered waits until all messages about payments are consumed, and reports how long
// messages took.
func (r *rehearsal) delivered(ctx context.Context, db *sqldb.DB) error {
	if len(r.servers) == 0 {
		return nil // nobody consumes them, or a server that runs elsewhere
	}
	for until := time.Now().Add(deliverTime); ; time.Sleep(100 * time.Millisecond) {
		var left int
		if err := db.Reader().QueryRowContext(ctx, `SELECT count(*) FROM payments_paid`).Scan(&left); err != nil {
			return fmt.Errorf("messages: %w", err)
		}
		if left == 0 {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d messages about payments are still not consumed a minute after the rush", left)
		}
	}
	within := map[float64]uint64{} // number of messages by upper limit, in seconds
	err := r.metrics(ctx, "boxoffice_bus_lag_seconds", func(m *dto.Metric) {
		r.report.Messages += m.GetHistogram().GetSampleCount()
		for _, b := range m.GetHistogram().GetBucket() {
			within[b.GetUpperBound()] += b.GetCumulativeCount()
		}
	})
	r.report.MessageP99 = -1
	least := math.Inf(1)
	for limit, n := range within {
		if float64(n) >= .99*float64(r.report.Messages) && limit < least {
			least, r.report.MessageP99 = limit, round1(limit*1000)
		}
	}
	return err
}

// metrics has each visit the metrics of a name, of all servers that this has started.
func (r *rehearsal) metrics(ctx context.Context, name string, each func(*dto.Metric)) error {
	for _, s := range r.servers {
		all, err := metricsOf(ctx, s.ops)
		if err != nil {
			return fmt.Errorf("metrics of %s: %w", s.url, err)
		}
		for _, m := range all[name].GetMetric() {
			each(m)
		}
	}
	return nil
}

// metricsOf reads a server's metrics.
func metricsOf(ctx context.Context, ops string) (map[string]*dto.MetricFamily, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(io.LimitReader(res.Body, 16<<20))
}
