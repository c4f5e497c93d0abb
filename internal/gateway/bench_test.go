package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/caller"
	"boxoffice/internal/quick"
)

// The benchmarks serve one small hold-like POST in five ways, so that their
// differences are what each layer costs: a bare handler with one decode and
// one encode; the same on chi through huma; the checks, metrics and contexts of
// the front door alone; all of it; and all of it by the fast path.

const benchBody = `{"event_id":"06a1b2c3d4e5f6g7","seats":["101-A-12","101-A-13"]}`

type benchIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		EventID  string   `json:"event_id"`
		Seats    []string `json:"seats,omitempty" maxItems:"100"`
		Quantity int      `json:"quantity,omitempty" minimum:"0" maximum:"100"`
	}
}

type benchOut struct {
	Location string `header:"Location"`
	Body     struct {
		ID     string   `json:"id"`
		Status string   `json:"status"`
		Seats  []string `json:"seats"`
		Amount int64    `json:"amount"`
	}
}

func benchHold(_ context.Context, in *benchIn) (*benchOut, error) {
	out := &benchOut{Location: "/bookings/x"}
	out.Body.ID, out.Body.Status, out.Body.Seats, out.Body.Amount = in.Body.EventID, "pending", in.Body.Seats, 5000
	return out, nil
}

func benchOperation() huma.Operation {
	return huma.Operation{OperationID: "bench", Method: http.MethodPost, Path: "/bookings", DefaultStatus: http.StatusCreated}
}

func bareHandler(w http.ResponseWriter, r *http.Request) {
	var in benchIn
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &in.Body)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out, _ := benchHold(r.Context(), &in)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", out.Location)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(out.Body)
}

// discard is a ResponseWriter that is as cheap as one can be.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func benchServe(b *testing.B, h http.Handler) {
	b.Helper()
	parent, cancel := context.WithCancel(context.Background()) // as net/http's
	defer cancel()
	req := httptest.NewRequest(http.MethodPost, "/bookings", nil).WithContext(parent)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer 0123456789abcdefghjkmnpqrs")
	req.Header.Set("Idempotency-Key", "3f1c9a7e-5a55-4c55-9f2c-1f2f3f4f5f6f")
	req.ContentLength = int64(len(benchBody))
	w := &discard{http.Header{}}
	body := strings.NewReader(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		body.Reset(benchBody)
		r := *req
		r.Body = io.NopCloser(body)
		h.ServeHTTP(w, &r)
	}
}

func benchGateway() *Gateway {
	return New(Config{
		Authenticate: func(context.Context, string) (caller.Caller, error) {
			return caller.Caller{UserID: "06a1b2c3d4e5f6g7", Role: caller.Customer}, nil
		},
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Metrics: prometheus.NewRegistry(),
	})
}

func BenchmarkStack(b *testing.B) {
	b.Run("bare", func(b *testing.B) { benchServe(b, http.HandlerFunc(bareHandler)) })
	b.Run("huma", func(b *testing.B) {
		router := chi.NewRouter()
		config := huma.DefaultConfig("bench", "1")
		config.CreateHooks = nil
		huma.Register(humachi.New(router, config), benchOperation(), benchHold)
		benchServe(b, router)
	})
	b.Run("door", func(b *testing.B) {
		g := benchGateway()
		g.Router().Post("/bookings", bareHandler)
		benchServe(b, g.Handler())
	})
	b.Run("whole", func(b *testing.B) {
		g := benchGateway()
		huma.Register(g.API(), benchOperation(), benchHold)
		benchServe(b, g.Handler())
	})
	b.Run("hot", func(b *testing.B) {
		g := benchGateway()
		quick.Register(g.API(), benchOperation(), benchHold)
		op := g.api.OpenAPI().Paths["/bookings"].Post.Metadata[quick.Meta].(*quick.Operation)
		var req quick.Request
		req.Parse(fmt.Appendf(nil, "POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer 0123456789abcdefghjkmnpqrs\r\n"+
			"Idempotency-Key: 3f1c9a7e-5a55-4c55-9f2c-1f2f3f4f5f6f\r\nContent-Length: %d\r\n\r\n%s", len(benchBody), benchBody), []*quick.Operation{op})
		out := make([]byte, 0, 4096)
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := g.answerHot(&req, out); !ok {
				b.Fatal("not plain")
			}
		}
	})
}
