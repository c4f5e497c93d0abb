package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"boxoffice/internal/admin"
	"boxoffice/internal/commands"
	"boxoffice/internal/demo"
	"boxoffice/internal/ops"
	"boxoffice/internal/payment/providers"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/wallet"
)

const (
	drainTime = 20 * time.Second // for requests and payments under way at the end
)

// Serve serves until ctx ends, then drains: no accepted request is dropped. It
// prints "listening on http://HOST:PORT" once it is ready.
func Serve(ctx context.Context, s settings.Server, out io.Writer, log *slog.Logger) (err error) {
	if err := errors.Join(s.Check(), providers.Check(s.Gateway())); err != nil {
		return err
	}
	if err := wallet.Check(s.Wallets); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // the heap is small, and garbage collection costs a twentieth of a purchase
	}
	db, err := s.OpenWith(ctx, sqldb.Config{ReplicaURL: s.ReplicaURL})
	if err != nil {
		return err
	}
	// The services need the address with which links begin, so the node listens
	// before it builds them. Requests that arrive before it is ready wait.
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return errors.Join(settings.Taken("--addr", s.Addr, err), db.Close())
	}
	n, err := newNode(ctx, &s, db, s.Base(l.Addr()), Substitutes{}, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		err = errors.Join(err, n.Close(drain))
	}()
	defer l.Close()
	if s.Demo {
		if err := demo.Fill(ctx, n.forDemo(), out); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if err := ops.Serve(n.Jobs, s.OpsAddr, n.Metrics, out, log); err != nil {
		return err
	}
	if s.Embedded() {
		socket, err := admin.Listen(s.Data)
		if err != nil {
			return err
		}
		defer socket.Close()
		taker := admin.NewServer(commands.All, n.forCommands(), log)
		n.Jobs.Go("commands", func(ctx context.Context) error { return taker.Serve(ctx, socket) })
	}
	for _, text := range s.Missing() {
		n.gateway.Warn(text)
	}
	n.work()
	return n.serve(ctx, l, out)
}

// serve answers requests until ctx ends and every request is answered.
func (n *Node) serve(ctx context.Context, l net.Listener, out io.Writer) error {
	g := n.gateway
	if n.base == "" {
		g.Warn("--public-url is missing: this server listens on all networks and does not know its address, so emails and feeds have no links to it.")
	}
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(l) }()
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	n.log.Info("draining")
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	g.Drain()
	n.Bookings.EndLive()
	n.Door.EndLive()
	if err := g.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
