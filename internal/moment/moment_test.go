package moment

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancel(t.Context())
		l := NewLimit(parent, time.Second)
		first := l.Context()
		time.Sleep(100 * time.Millisecond)
		if l.Context() != first {
			t.Error("not shared within a moment")
		}
		time.Sleep(50 * time.Millisecond)
		second := l.Context()
		if second == first {
			t.Error("shared for too long")
		}
		time.Sleep(850*time.Millisecond - time.Nanosecond) // nearly a second after the first
		if first.Err() != nil {
			t.Error("the first ended early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if first.Err() != context.DeadlineExceeded || second.Err() != nil {
			t.Errorf("%v, %v", first.Err(), second.Err())
		}
		end()
		synctest.Wait()
		if second.Err() != context.Canceled || l.Context().Err() != context.Canceled {
			t.Error("they outlive their parent")
		}
	})
}
