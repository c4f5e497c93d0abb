package user_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/notify/letter/lettertest"
	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/user"
	"boxoffice/internal/userapi"
	"boxoffice/internal/userapi/usertest"
)

var _ userapi.Service = (*user.Service)(nil)

// mailbox keeps mails by address, and wakes those up who wait for one.
type mailbox struct {
	mu   sync.Mutex
	came *sync.Cond
	all  map[string][]string
}

func (m *mailbox) deliver(_ context.Context, to, subject, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[to] = append(m.all[to], subject+"\n"+text)
	m.came.Broadcast()
	return nil
}

func (m *mailbox) mailed(t *testing.T, address string, n int) []string {
	t.Helper()
	late := time.AfterFunc(patience.Long, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.all[address] = append(m.all[address], make([]string, n)...)
		m.came.Broadcast()
	})
	defer late.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.all[address]) < n {
		m.came.Wait()
	}
	return m.all[address]
}

func TestContract(t *testing.T) {
	usertest.Test(t, func(t *testing.T) usertest.World {
		db := sqldbtest.Open(t)
		m := &mailbox{all: map[string][]string{}}
		m.came = sync.NewCond(&m.mu)
		s, err := user.New(t.Context(), user.Config{DB: db, Now: time.Now, Hashing: user.Hashing{Memory: 8, Time: 1}, Log: slog.New(slog.DiscardHandler),
			Notices: lettertest.New(m.deliver), PublicURL: "https://tickets.example"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() {
			stop()
			working.Wait()
			s.Close()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return usertest.World{Service: s, Mailed: m.mailed}
	})
}
