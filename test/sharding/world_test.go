package sharding

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/app"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/user"
	"boxoffice/internal/userapi"
)

// world is a node, and what its database has heard.
type world struct {
	t      *testing.T
	node   *app.Node
	db     *sqldb.DB
	record *record
}

func newWorld(t *testing.T, dialect sqldb.Dialect) *world {
	t.Helper()
	w := &world{t: t, record: newRecord()}
	cfg := sqldb.Config{Dir: t.TempDir(), Synchronous: "OFF", Apart: true, Connector: func(d driver.Driver, dsn string) driver.Connector {
		return &connector{d, dsn, w.record}
	}}
	if dialect == sqldb.Postgres {
		cfg = sqldb.Config{URL: sqldbtest.Postgres(t), Connections: func(c *pgx.ConnConfig) { c.Tracer = w.record }}
	}
	w.db = sqldbtest.Again(t, cfg)
	s := &settings.Server{Storage: settings.Storage{Data: t.TempDir()}, PublicURL: "https://tickets.example", Payments: "sandbox"}
	var err error
	w.node, err = app.Start(t.Context(), s, w.db, app.Substitutes{Outside: app.Outside{Hashing: user.Hashing{Memory: 8, Time: 1}}, NoPages: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.node.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.record.mu.Lock()
	w.record.on = true // what makes the tables is of no interest
	w.record.mu.Unlock()
	return w
}

// account is a new account with a session.
func (w *world) account(role caller.Role) userapi.Fan {
	w.t.Helper()
	fans, err := w.node.Users.CreateFans(w.t.Context(), 1, role, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return fans[0]
}

// ask sends a request as an account, which must be answered with a status; 0: any.
func (w *world) ask(as userapi.Fan, status int, method, path string, body map[string]any, header ...string) map[string]any {
	w.t.Helper()
	raw := ""
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		raw = string(text)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(raw))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+as.Token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	w.node.Gateway().Handler().ServeHTTP(answer, r)
	if status != 0 && answer.Code != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, answer.Code, status, answer.Body)
	}
	var out map[string]any
	if answer.Body.Len() > 0 {
		if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, answer.Body)
		}
	}
	return out
}

// event is a new event on sale.
func (w *world) event(as userapi.Fan) string {
	w.t.Helper()
	return w.ask(as, http.StatusCreated, "POST", "/events", map[string]any{
		"title": "Test Night", "event_time": time.Now().Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"venue": map[string]any{"name": "Test Hall", "city": "Berlin", "country": "DE", "time_zone": "Europe/Berlin"},
		"plan":  map[string]any{"template": "theatre", "seats": 100}, "currency": "EUR", "price": 2500, "status": "on_sale",
	})["id"].(string)
}

// seats lists labels of an event's seats.
func (w *world) seats(as userapi.Fan, event string) (labels []string) {
	w.t.Helper()
	sections := w.ask(as, http.StatusOK, "GET", "/events/"+event+"/seats", nil)["sections"].([]any)
	section := sections[0].(map[string]any)["id"].(string)
	for _, s := range w.ask(as, http.StatusOK, "GET", "/events/"+event+"/seats?section="+section, nil)["seats"].([]any) {
		labels = append(labels, s.(map[string]any)["label"].(string))
	}
	return labels
}

// write changes rows behind the node's back. It is not recorded.
func (w *world) write(args []any, texts ...string) {
	w.t.Helper()
	w.record.mu.Lock()
	before := w.record.on
	w.record.on = false
	w.record.mu.Unlock()
	err := w.db.Write(w.t.Context(), func(tx *sql.Tx) error {
		for _, text := range texts {
			if _, err := tx.ExecContext(w.t.Context(), text, args...); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	})
	w.record.mu.Lock()
	w.record.on = before
	w.record.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
}

// expire has a hold end a second ago.
func (w *world) expire(booking string) {
	w.t.Helper()
	w.write([]any{w.db.Now().Add(-time.Second).UnixMicro(), booking},
		`UPDATE bookings SET expires_at = $1 WHERE id = $2`,
		`UPDATE claims SET expires_at = $1 WHERE booking_id = $2`,
		`UPDATE ledger SET until = $1 WHERE booking_id = $2 AND until IS NOT NULL`,
		`INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq)
			SELECT until, event_id, min(seq), max(seq) FROM ledger WHERE until = $1 AND booking_id = $2 GROUP BY until, event_id`)
}

// until waits for something that the node does by itself.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	patience.Until(w.t, what, is)
}
