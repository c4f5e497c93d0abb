package jobs

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// ServerLog is an ErrorLog for an http.Server. What clients do wrong is logged for
// debugging only; panics are errors. net/http hands over nothing but their text.
func ServerLog(l *slog.Logger) *log.Logger { return log.New(serverLog{l}, "", 0) }

type serverLog struct{ *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.Contains(line, []byte(": panic serving ")) {
		level = slog.LevelError
	}
	l.Log(context.Background(), level, string(bytes.TrimRight(line, "\n")))
	return len(line), nil
}
