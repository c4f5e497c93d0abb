// Package lettertest gives tests of services that have something to tell a Notification
// Service which writes letters at once.
package lettertest

import (
	"context"
	"database/sql"
	"sync"

	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notifyapi"
)

// Deliver takes a mail. Its error is the one that Notify returns; the notice may come
// again then.
type Deliver func(ctx context.Context, to, subject, text string) error

// Service is a Notification Service. It implements notifyapi.Service.
type Service struct {
	deliver Deliver

	mu    sync.Mutex
	taken map[string]bool // by ID
}

// New makes a service that gives each notice to deliver once.
func New(deliver Deliver) *Service { return &Service{deliver: deliver, taken: map[string]bool{}} }

var renderer = sync.OnceValues(letter.New)

// Forget does nothing: what was delivered was delivered.
func (*Service) Forget(context.Context, string) error { return nil }

// Prepare returns what delivers notices, whatever becomes of the transaction.
func (s *Service) Prepare(list []notifyapi.Notice) (write func(ctx context.Context, tx *sql.Tx) error, err error) {
	return func(ctx context.Context, _ *sql.Tx) error { return s.Notify(ctx, list) }, nil
}

// Wake does nothing: all is delivered at once.
func (*Service) Wake() {}

// Notify delivers notices; see notifyapi.Service.
func (s *Service) Notify(ctx context.Context, list []notifyapi.Notice) error {
	r, err := renderer()
	if err != nil {
		return err
	}
	for i := range list {
		n := &list[i]
		s.mu.Lock()
		known := s.taken[n.ID]
		s.mu.Unlock()
		if known {
			continue
		}
		one := *n
		if o := n.Data.Order; o != nil { // as it is written to those who pay with real money
			paid := *o
			paid.Money, one.Data.Order = "", &paid
		}
		l, err := r.Render(&one)
		if err != nil {
			return err
		}
		if err := s.deliver(ctx, n.To, l.Subject, l.Text); err != nil {
			return err
		}
		s.mu.Lock()
		s.taken[n.ID] = true
		s.mu.Unlock()
	}
	return nil
}
