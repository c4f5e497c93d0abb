//go:build unix

package live

import (
	"errors"
	"io"
	"syscall"
)

// probe reads and writes without waiting. It belongs to one goroutine, and is reused so
// that an attempt does not allocate.
type probe struct {
	text     []byte
	n        int
	err      error
	tryWrite func(uintptr) bool
	tryRead  func(uintptr) bool
	one      [1]byte
}

func (c *probe) prepare() {
	if c.tryWrite != nil {
		return
	}
	c.tryWrite = func(fd uintptr) bool {
		c.n, c.err = syscall.Write(int(fd), c.text)
		return true // done, whatever the outcome: do not wait
	}
	c.tryRead = func(fd uintptr) bool {
		c.n, c.err = syscall.Read(int(fd), c.one[:])
		return true
	}
}

// write writes as much as the socket takes without waiting, perhaps nothing.
func (c *probe) write(w *watcher, text []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	c.prepare()
	c.text = text
	err := w.raw.Write(c.tryWrite)
	c.text = nil
	return c.outcome(err)
}

// left reports whether the viewer has closed the connection. Anything that viewers
// send is discarded.
func (c *probe) left(w *watcher) bool {
	if w.raw == nil {
		return false
	}
	c.prepare()
	n, err := c.outcome(w.raw.Read(c.tryRead))
	if err == nil && n == 0 && c.err == nil {
		err = io.EOF
	}
	return err != nil
}

// outcome distinguishes "would block" from an error.
func (c *probe) outcome(err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case errors.Is(c.err, syscall.EAGAIN), errors.Is(c.err, syscall.EINTR):
		return 0, nil
	case c.err != nil:
		return 0, c.err
	}
	return c.n, nil
}
