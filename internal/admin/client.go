package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"boxoffice/internal/codec"
	"boxoffice/internal/settings"
)

// request is the line that requests a command.
type request struct {
	Name    string    `json:"name"`
	Command codec.Raw `json:"command"`
}

// reply is a line of the answer: output, or the end.
type reply struct {
	Out    []byte `json:"out,omitempty"`
	End    bool   `json:"end,omitempty"`
	Status int    `json:"status,omitempty"` // with which the process that asked ends
	Flag   string `json:"flag,omitempty"`   // that the error concerns
	Error  string `json:"error,omitempty"`
}

// err returns the error that a command ended with, or nil.
func (r reply) err() error {
	if r.Status == 0 {
		return nil
	}
	return settings.Error{Status: r.Status, Flag: r.Flag, Err: errors.New(r.Error)}
}

// errNobody means that no server accepts commands for a folder.
var errNobody = errors.New("no server takes commands here")

// send has the server on a folder run a command.
func send(ctx context.Context, dir, name string, c any, out io.Writer) error {
	raw, err := codec.Marshal(c)
	if err != nil {
		return err
	}
	path, done, err := socketPath(dir)
	if err != nil {
		return err
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errNobody
	}
	if err != nil {
		return fmt.Errorf("ask the server on %s: %w", dir, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := codec.Write(conn, request{name, raw}); err != nil {
		return fmt.Errorf("ask the server on %s: %w", dir, err)
	}
	for from := codec.NewDecoder(conn); ; {
		var r reply
		if err := from.Decode(&r); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("the server on %s has not said how the command ended: %w", dir, err)
		}
		if _, err := out.Write(r.Out); err != nil {
			return err
		}
		if r.End {
			return r.err()
		}
	}
}
