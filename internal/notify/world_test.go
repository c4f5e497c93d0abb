package notify

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// server is a mail server that can be told how to behave.
type server struct {
	mu      sync.Mutex
	mails   []notifytest.Mail
	ids     []string                                      // of their notices
	tried   []time.Time                                   // attempts
	behaves func(ctx context.Context, m *mail.Mail) error // nil: takes all mails
}

func (s *server) Send(ctx context.Context, m *mail.Mail) (string, error) {
	s.mu.Lock()
	behaves := s.behaves
	s.tried = append(s.tried, time.Now())
	s.mu.Unlock()
	if behaves != nil {
		if err := behaves(ctx, m); err != nil {
			return "", err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails, s.ids = append(s.mails, notifytest.Mail{To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML}), append(s.ids, m.ID)
	return "250 2.0.0 taken", nil
}

func (*server) Close() {}

// behave has a callback say whether each mail is taken, one mail at a time: it may keep
// what it sees, and must not wait.
func (s *server) behave(how func(ctx context.Context, m *mail.Mail) error) {
	if how == nil {
		s.behaveAtOnce(nil)
		return
	}
	var mu sync.Mutex
	s.behaveAtOnce(func(ctx context.Context, m *mail.Mail) error {
		mu.Lock()
		defer mu.Unlock()
		return how(ctx, m)
	})
}

// behaveAtOnce is behave for callbacks that wait: several run at once, and share nothing.
func (s *server) behaveAtOnce(how func(ctx context.Context, m *mail.Mail) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaves, s.tried = how, nil
}

func (s *server) arrived() []notifytest.Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// sent returns the ids of the notices that have arrived, and the attempts since the
// server began to behave as it does.
func (s *server) sent() (ids []string, tried []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids), slices.Clone(s.tried)
}

// world is a database and a mail server.
type world struct {
	db     *sqldb.DB
	server *server
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cfg := sqldbtest.Fresh(t)
	cfg.Together = cfg.URL == "" // several nodes share it
	w := &world{db: sqldbtest.Again(t, cfg), server: &server{}}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// node makes a node's service; change, if not nil, configures it.
func (w *world) node(t testing.TB, change func(*Config)) *Service {
	t.Helper()
	cfg := Config{DB: w.db, Now: w.db.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Sender: w.server, Parallel: 4}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// runs starts a node's work; end ends it, and is called at the end of the test, too.
func runs(t testing.TB, s *Service) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(end)
	return end
}

func notify(t testing.TB, s *Service, list ...notifyapi.Notice) {
	t.Helper()
	if err := s.Notify(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// line is what the log keeps of a notice.
type line struct {
	state, recipient, data, answer string
	tries, next, done              int64
}

func (w *world) line(t *testing.T, id string) (l line) {
	t.Helper()
	err := w.db.Reader().QueryRowContext(t.Context(), `SELECT state, recipient, data, answer, tries, next_at, done_at FROM notices WHERE id = $1`, id).
		Scan(&l.state, &l.recipient, &l.data, &l.answer, &l.tries, &l.next, &l.done)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *world) count(t testing.TB, where string) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM notices WHERE `+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// settle waits until nothing is left to be sent.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for w.count(t, `state = 'queued'`) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("notices are left")
		}
		runtime.Gosched()
	}
}

var errAway = &mail.Unavailable{Cause: errors.New("connection refused")}

// mark has a notice bounced.
func (w *world) mark(t testing.TB, id string) {
	t.Helper()
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE notices SET state = 'bounced', data = '' WHERE id = $1`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
