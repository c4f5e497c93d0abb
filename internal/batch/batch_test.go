package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// All items that wait while a batch runs make up the next batch.
func TestCollectsWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var sizes []int
		q := New(100, 1000, func(items []*Item[int]) {
			sizes = append(sizes, len(items))
			<-release
			for _, it := range items {
				it.Done(nil)
			}
		})
		var wg sync.WaitGroup
		submit := func(n int) {
			for range n {
				wg.Go(func() {
					if err := q.Do(t.Context(), 0); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
		}
		submit(1)
		submit(40)
		close(release)
		wg.Wait()
		q.Close()
		if len(sizes) != 2 || sizes[0] != 1 || sizes[1] != 40 {
			t.Fatalf("batches of %v, want 1 and 40", sizes)
		}
	})
}

func TestFansGoBeforeJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var order []string
		q := New(4, 1000, func(items []*Item[string]) {
			<-release
			for _, it := range items {
				order = append(order, it.Value)
				it.Done(nil)
			}
		})
		var wg sync.WaitGroup
		add := func(v string, do func(context.Context, string) error) {
			wg.Go(func() { _ = do(context.Background(), v) })
			synctest.Wait()
		}
		add("first", q.Do)
		for range 3 {
			add("job", q.DoLater)
		}
		for range 3 {
			add("fan", q.Do)
		}
		close(release)
		wg.Wait()
		q.Close()
		want := []string{"first", "fan", "fan", "fan", "job", "job", "job"} // in batches of 1, 4, 1, 1
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("order is %v, want %v", order, want)
			}
		}
	})
}

func TestFullClosedAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		q := New(1, 2, func(items []*Item[int]) {
			<-release
			for _, it := range items {
				it.Done(errors.New("refused"))
			}
		})
		errs := make(chan error, 3)
		for range 3 { // one under way, two waiting
			go func() { errs <- q.Do(context.Background(), 0) }()
			synctest.Wait()
		}
		var full Full
		if err := q.Do(t.Context(), 0); !errors.As(err, &full) || full.Waiting != 2 {
			t.Fatalf("error is %v, want Full", err)
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if err := q.Do(gone, 0); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v, want Canceled", err)
		}
		close(release)
		for range 3 {
			if err := <-errs; err == nil || err.Error() != "refused" {
				t.Fatalf("answer is %v", err)
			}
		}
		q.Close()
		if err := q.Do(t.Context(), 0); !errors.As(err, new(Closed)) {
			t.Fatalf("error is %v, want Closed", err)
		}
	})
}

func TestEverybodyIsAnswered(t *testing.T) {
	var done atomic.Int64
	q := New(16, 100_000, func(items []*Item[int]) {
		if len(items) > 16 {
			t.Errorf("a batch of %d", len(items))
		}
		for _, it := range items {
			it.Done(nil)
		}
	})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for range 200 {
				do := q.Do
				if i%4 == 0 {
					do = q.DoLater
				}
				if err := do(context.Background(), i); err == nil {
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	q.Close()
	if done.Load() != 64*200 || q.Waiting() != 0 {
		t.Fatalf("%d answered, %d waiting", done.Load(), q.Waiting())
	}
}

// A batch that had to wait takes the new items that fit, in order, and leaves the rest
// in the queue.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := make(chan struct{})
		var q *Queue[int]
		var batches [][]int
		q = New(10, 1000, func(items []*Item[int]) {
			if len(batches) == 0 {
				<-waited
				items = append(items, q.Join(3, func(v int) bool { return v%2 == 1 })...)
			}
			var values []int
			for _, it := range items {
				values = append(values, it.Value)
				it.Done(nil)
			}
			batches = append(batches, values)
		})
		var wg sync.WaitGroup
		for v := range 10 {
			wg.Go(func() {
				if err := q.Do(t.Context(), v); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(waited)
		wg.Wait()
		q.Close()
		if got := fmt.Sprint(batches); got != "[[0 1 3 5] [2 4 6 7 8 9]]" {
			t.Fatal(got)
		}
	})
}

// A panic fails the batch in which it happens, and the queue goes on.
func TestPanic(t *testing.T) {
	var q *Queue[int]
	begin := make(chan struct{})
	q = New(1, 10, func(items []*Item[int]) {
		if items[0].Value == 0 {
			<-begin
			q.Join(1, func(int) bool { return true })
			panic("oh")
		}
		items[0].Done(nil)
	})
	defer q.Close()
	answers := make(chan error, 2)
	go func() { answers <- q.Do(context.Background(), 0) }()
	go func() { answers <- q.Do(context.Background(), 0) }()
	for q.Waiting() != 1 {
		runtime.Gosched()
	}
	close(begin)
	for range 2 {
		if err := <-answers; err == nil || !strings.Contains(err.Error(), "oh") {
			t.Errorf("answered %v", err)
		}
	}
	if err := q.Do(context.Background(), 1); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
