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

// A failure that repeats is told when it begins, now and then while it lasts, and
// when it is over.
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
