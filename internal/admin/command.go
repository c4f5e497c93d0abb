package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/sqldb"
)

// Command is a command whose flags and files have been read. S is the services that
// it uses. It is sent as the JSON of its value.
type Command[S any] interface {
	Do(ctx context.Context, services S, out io.Writer) error
}

// Commands are the commands that a server accepts, by name: each function makes an
// empty one.
type Commands[S any] map[string]func() Command[S]

// Local runs a function with the services in this process. It fails with
// sqldb.ErrInUse if another process has the database.
type Local[S any] func(ctx context.Context, fn func(S) error) error

const (
	// patience is how long a command waits for a folder whose process does not
	// accept commands: a server that is starting, or another command.
	patience   = 10 * time.Second
	retryAfter = 50 * time.Millisecond
)

// Perform runs a command in this process if it can open the database, and otherwise
// in the server that uses the folder dir.
func Perform[S any](ctx context.Context, dir, name string, c Command[S], local Local[S], out io.Writer) error {
	for begun := time.Now(); ; {
		err := local(ctx, func(services S) error { return c.Do(ctx, services, out) })
		if !errors.Is(err, sqldb.ErrInUse) {
			return err
		}
		switch sent := send(ctx, dir, name, c, out); {
		case !errors.Is(sent, errNobody):
			return sent
		case time.Since(begun) > patience:
			return fmt.Errorf("%w, and it takes no commands", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}
