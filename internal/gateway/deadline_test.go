package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline is a context like any other, whether somebody waits for it or not.
func TestDeadline(t *testing.T) {
	type key struct{}
	parent := context.WithValue(context.Background(), key{}, "value")
	for _, waited := range []bool{false, true} {
		fresh := func(parent context.Context) *deadline {
			d := newDeadline(parent, time.Second)
			if waited {
				_ = d.Done()
			}
			return d
		}
		synctest.Test(t, func(t *testing.T) {
			d := fresh(parent)
			if at, ok := d.Deadline(); !ok || time.Until(at) != time.Second || d.Err() != nil || d.Value(key{}) != "value" {
				t.Fatalf("fresh: %v, %v, %v", at, d.Err(), d.Value(key{}))
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if !errors.Is(d.Err(), context.DeadlineExceeded) {
				t.Errorf("after its time: %v", d.Err())
			}
			<-d.Done()
			d.end()
			if !errors.Is(d.Err(), context.DeadlineExceeded) {
				t.Errorf("ended after its time: %v", d.Err())
			}
		})
		synctest.Test(t, func(t *testing.T) {
			d := fresh(parent)
			child, cancel := context.WithCancel(d)
			defer cancel()
			d.end()
			<-d.Done()
			<-child.Done()
			if !errors.Is(d.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) {
				t.Errorf("ended: %v, %v", d.Err(), child.Err())
			}
		})
		synctest.Test(t, func(t *testing.T) {
			gone, leave := context.WithCancel(parent)
			d := fresh(gone)
			child, cancel := context.WithTimeout(d, time.Minute)
			defer cancel()
			leave()
			<-child.Done()
			if !errors.Is(d.Err(), context.Canceled) {
				t.Errorf("the client is gone: %v", d.Err())
			}
			d.end()
		})
	}
}
