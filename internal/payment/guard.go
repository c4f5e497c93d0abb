package payment

import (
	"context"
	"fmt"
	"runtime/debug"
)

// guarded runs a piece of background work. A panic in it is logged and counted,
// and an error of that piece alone.
func (s *Service) guarded(ctx context.Context, what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.log.ErrorContext(ctx, "panic in the work on payments", "work", what, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %v", what, p)
		}
	}()
	return do()
}
