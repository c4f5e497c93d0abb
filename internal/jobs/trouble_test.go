package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A repeated failure is logged when it begins, now and then while it lasts, and when it
// is over.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var trouble Trouble
		try := func(ctx context.Context, err error) { trouble.Log(ctx, log, slog.LevelWarn, "mails wait", err) }
		lines := func(want int, says string) {
			t.Helper()
			if text := out.String(); strings.Count(text, "\n") != want || !strings.Contains(text, says) {
				t.Errorf("not %d lines with %q:\n%s", want, says, text)
			}
			out.Reset()
		}
		try(t.Context(), nil)
		lines(0, "")
		for range 599 {
			try(t.Context(), errors.New("no answer"))
			time.Sleep(time.Second)
		}
		lines(1, "level=WARN msg=\"mails wait\" error=\"no answer\"")
		time.Sleep(time.Second)
		try(t.Context(), errors.New("another reason"))
		lines(1, "error=\"another reason\" times=600 for=10m0s")
		ended, end := context.WithCancel(t.Context())
		end()
		try(ended, ended.Err())
		try(t.Context(), nil)
		lines(1, "level=INFO msg=\"over: mails wait\" times=600 for=10m0s")
		try(t.Context(), nil)
		lines(0, "")
		try(t.Context(), errors.New("again"))
		lines(1, "again")
	})
}

// A trouble is not over while failed work waits for its next attempt or for its round
// of a pass.
func TestTroubleIsNotOver(t *testing.T) {
	bad := errors.New("bad")
	var r Retries
	r.Most, r.First, r.Longest = 1, time.Second, time.Minute
	now := time.Now()
	if err := r.Outcome(nil); err != nil {
		t.Error(err)
	}
	r.Failed("a", now)
	if err := r.Outcome(bad); err != bad {
		t.Error(err)
	}
	if err := r.Outcome(nil); err != ErrNotOver {
		t.Error(err)
	}
	r.Failed("b", now) // beyond Most
	r.Done("a")
	if err := r.Outcome(nil); err != ErrNotOver {
		t.Error(err)
	}
	r.Done("b")
	if err := r.Outcome(nil); err != nil {
		t.Error(err)
	}

	var p Pass
	for i, round := range []struct {
		err   error
		ended bool
		want  error
	}{
		{nil, true, nil}, {nil, false, ErrNotOver}, {nil, true, nil},
		{bad, false, bad}, {nil, false, ErrNotOver}, {nil, true, ErrNotOver}, {nil, true, nil},
		{bad, true, bad}, {nil, true, nil},
	} {
		if err := p.Outcome(round.err, round.ended); err != round.want {
			t.Errorf("round %d: %v", i, err)
		}
	}

	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var trouble Trouble
	for i, err := range []error{ErrNotOver, bad, ErrNotOver, bad, ErrNotOver} {
		trouble.Log(t.Context(), log, slog.LevelWarn, "mails wait", err)
		if trouble.Lasts() != (i > 0) {
			t.Errorf("after %d: %v", i, trouble.Lasts())
		}
	}
	if trouble.Log(t.Context(), log, slog.LevelWarn, "mails wait", nil); trouble.Lasts() || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("not one trouble:\n%s", out.String())
	}
}
