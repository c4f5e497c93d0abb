//go:build unix

package live

import (
	"errors"
	"io"
	"syscall"
)

// probe tries a connection without waiting for it. It belongs to one goroutine,
// and is kept so that a try allocates nothing.
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
		return true // whatever came of it: no waiting
	}
	c.tryRead = func(fd uintptr) bool {
		c.n, c.err = syscall.Read(int(fd), c.one[:])
		return true
	}
}

// write writes what the socket takes at once, perhaps nothing.
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

// left reports whether the viewer has closed the connection. Viewers have
// nothing to say: what they send is thrown away.
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

// outcome tells "not now" from an error.
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
