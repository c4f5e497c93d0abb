package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// closing is a driver whose connections end with an error.
type closing struct{ err error }

func (c closing) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (c closing) Driver() driver.Driver                        { return nil }
func (c closing) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (c closing) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (c closing) Close() error                                 { return c.err }

// Closing a pool ignores the errors of connections that are gone already, and no others.
func TestHangUpTellsOtherErrors(t *testing.T) {
	network := func(err error) error {
		return fmt.Errorf("close: %w", &net.OpError{Op: "write", Net: "tcp", Err: err})
	}
	for _, c := range []struct {
		err  error
		told bool
	}{
		{nil, false},
		{network(net.ErrClosed), false},
		{network(os.NewSyscallError("write", syscall.EPIPE)), false},
		{network(os.NewSyscallError("write", syscall.ECONNRESET)), false},
		{network(os.ErrDeadlineExceeded), true},
		{network(os.NewSyscallError("write", syscall.ENOBUFS)), true},
		{errors.New("another"), true},
		{errors.Join(network(net.ErrClosed), network(os.NewSyscallError("write", syscall.EPIPE))), false},
		{errors.Join(network(net.ErrClosed), errors.New("another")), true},
		{fmt.Errorf("close: %w", errors.Join(errors.New("another"), network(net.ErrClosed))), true},
	} {
		pool := sql.OpenDB(closing{c.err})
		if err := pool.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := hangUp(pool); c.told != (err != nil) || err != nil && !errors.Is(err, c.err) {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}
