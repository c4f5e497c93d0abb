package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The work is done at once, after each pause, and when it is woken; it ends with its
// context or with an error.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wake, ended := make(chan struct{}, 1), make(chan error, 1)
		began, times := time.Now(), []time.Duration(nil)
		go func() {
			ended <- Every(ctx, time.Minute, wake, func(context.Context) error {
				times = append(times, time.Since(began))
				time.Sleep(time.Second)
				return nil
			})
		}()
		time.Sleep(70 * time.Second)
		wake <- struct{}{}
		time.Sleep(62 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 61 * time.Second, 70 * time.Second, 131 * time.Second}
		if fmt.Sprint(times) != fmt.Sprint(want) {
			t.Errorf("done at %v, want %v", times, want)
		}
		broken := errors.New("broken")
		if err := Every(t.Context(), time.Minute, nil, func(context.Context) error { return broken }); err != broken {
			t.Error(err)
		}
		if err := Every(ctx, time.Minute, nil, func(context.Context) error { t.Error("it works on"); return nil }); err != nil {
			t.Error(err)
		}
	})
}

// Each failure makes the pause longer. Work that has succeeded, is gone, or was done by
// another node is forgotten. Work beyond the limit shares one pause.
func TestRetries(t *testing.T) {
	now := time.Unix(1000, 0)
	r := &Retries{First: time.Second, Longest: 5 * time.Second, Most: 2}
	wait := func(id string) (d time.Duration) {
		for ; !r.Due(id, now.Add(d)) && d < time.Minute; d += 500 * time.Millisecond {
		}
		return d
	}
	for _, want := range []time.Duration{1, 2, 4, 5, 5} {
		if r.Failed("a", now); wait("a") != want*time.Second {
			t.Errorf("it waits %v, want %v s", wait("a"), int(want))
		}
	}
	if wait("b") != 0 {
		t.Error("another one waits too")
	}
	r.Failed("b", now)
	for range 3 { // in one round, these count as one failure
		r.Failed("c", now)
	}
	if r.Len() != 2 || wait("c") != time.Second || wait("d") != time.Second {
		t.Errorf("%d remembered, the others wait %v and %v", r.Len(), wait("c"), wait("d"))
	}
	r.Done("d")
	if wait("c") != 0 {
		t.Error("one of the others has succeeded, and the rest waits")
	}
	r.Round() // interrupted
	end := r.Round()
	r.Due("b", now)
	if end(); r.Len() != 1 || wait("a") != 0 || wait("b") == 0 {
		t.Errorf("%d remembered after a round without one of them", r.Len())
	}
	if r.Forget(); r.Len() != 0 || wait("b") != 0 {
		t.Error("not forgotten")
	}
}
