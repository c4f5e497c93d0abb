package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/jobs"
)

// guarded runs a piece of background work. A panic is logged, counted and returned
// as an error, so it ends only this piece of work.
func (s *Service) guarded(ctx context.Context, what string, do func() error) error {
	err := jobs.Catch(do)
	if p, ok := err.(*jobs.Panic); ok {
		s.metrics.panics.Inc()
		s.log.ErrorContext(ctx, "panic in the work on payments", "work", what, "panic", p.Value, "stack", p.Stack)
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}
