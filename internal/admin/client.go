package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"boxoffice/internal/settings"
)

// request is the line that asks for a command.
type request struct {
	Name    string          `json:"name"`
	Command json.RawMessage `json:"command"`
}

// reply is a line that comes back: output, or the end.
type reply struct {
	Out    []byte `json:"out,omitempty"`
	End    bool   `json:"end,omitempty"`
	Status int    `json:"status,omitempty"` // with which the process that asked ends
	Flag   string `json:"flag,omitempty"`   // that the error is about
	Error  string `json:"error,omitempty"`
}

// err is the error that a command ended with; nil without one.
func (r reply) err() error {
	if r.Status == 0 {
		return nil
	}
	return settings.Error{Status: r.Status, Flag: r.Flag, Err: errors.New(r.Error)}
}

// errNobody says that no server takes commands for a folder.
var errNobody = errors.New("no server takes commands here")

// send has the server on a folder carry out a command.
func send(ctx context.Context, dir, name string, c any, out io.Writer) error {
	raw, err := json.Marshal(c)
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
	if err := json.NewEncoder(conn).Encode(request{name, raw}); err != nil {
		return fmt.Errorf("ask the server on %s: %w", dir, err)
	}
	for from := json.NewDecoder(conn); ; {
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
