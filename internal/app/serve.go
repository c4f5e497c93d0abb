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
	"boxoffice/internal/booking/live"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/event"
	"boxoffice/internal/gateway"
	"boxoffice/internal/limit"
	"boxoffice/internal/ops"
	"boxoffice/internal/page"
	"boxoffice/internal/payment"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

const (
	slowPayment = 3 * time.Second  // how long the sandbox takes for tok_slow
	drainTime   = 20 * time.Second // for requests and payments under way at the end
)

// Serve serves until ctx ends, then drains: no accepted request is dropped. It
// prints "listening on http://HOST:PORT" once it is ready.
func Serve(ctx context.Context, s settings.Server, out io.Writer, log *slog.Logger) (err error) {
	if err := s.Check(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // the heap is small, and collecting it is a twentieth of a purchase
	}
	db, err := s.OpenWith(ctx, sqldb.Config{ReplicaURL: s.ReplicaURL})
	if err != nil {
		return err
	}
	n, err := start(ctx, &s, db, Substitutes{}, log)
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		err = errors.Join(err, n.Close(drain))
	}()
	if s.Demo {
		if err := n.demo(ctx, out); err != nil {
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
		taker := admin.NewServer(commands, n.Parts, log)
		n.Jobs.Go("commands", func(ctx context.Context) error { return taker.Serve(ctx, socket) })
	}
	n.work()
	return n.listen(ctx, out)
}

// front puts the services and the pages behind the front door. The world reaches
// it at base.
func (p *Parts) front(s *settings.Server, base string, mail http.Handler, log *slog.Logger) (*gateway.Gateway, error) {
	var kit *page.Kit
	var err error
	if !p.noPages {
		orders := onPage{p}.orders()
		if kit, err = page.New(page.Config{PublicURL: base, Demo: s.Demo, Holding: orders.Holding, Now: time.Now, Log: log}); err != nil {
			return nil, err
		}
	}
	cfg := gateway.Config{
		Authenticate: p.Users.Authenticate,
		Log:          log,
		Metrics:      p.Metrics,
		Ready:        p.ready,
		AccessLog:    s.AccessLog,
		Pressure:     p.Bookings.Pressure,
		Outage:       sqldb.Outage,
		Origins:      s.Origins,
		PublicURL:    s.PublicURL,
	}
	if kit != nil {
		cfg.Cookie, cfg.WantsPage, cfg.ErrorPage = page.SessionCookie(kit.Secure()), page.WantsPage, kit.Error
	}
	if cfg.TrustedProxies, err = s.TrustedProxies(); err != nil {
		return nil, err
	}
	if s.Demo { // with passwords that are printed: other sites' names must not lead here
		cfg.Hosts = []string{s.PublicHost()}
	}
	cfg.LoopbackProxy = settings.Loopback(s.Addr) && len(s.Proxies) == 0
	if s.RateLimit > 0 {
		cfg.Limits = gateway.DefaultLimits(s.RateLimit, limit.NewMemory(time.Now))
		cfg.Limits.LoopbackFactor = s.Loopback
	}
	g := gateway.New(cfg)
	if s.PublicURL != "" && len(s.Proxies) == 0 && !cfg.LoopbackProxy && s.Addr != "" {
		g.Warn("--public-url is given and --trusted-proxies is not: if the world comes through a proxy, all its clients are limited as one.")
	}
	for _, network := range cfg.TrustedProxies {
		if network.Bits() == 0 {
			g.Warn("--trusted-proxies is " + network.String() + ", which is everybody: a client may call itself what it likes, and no limit holds. Name your proxies' networks only.")
		}
	}
	api := g.API()
	p.Users.Register(api)
	p.Events.Register(api)
	p.Bookings.Register(api)
	p.Payments.Register(api)
	g.Stream(live.Operation(), p.Bookings.Live)
	if kit != nil {
		if err := p.pages(g, kit, s, mail, log); err != nil {
			return nil, err
		}
	}
	g.Problems(bookingapi.Problems, event.Problems, payment.Problems, userapi.Problems)
	g.Complete()
	return g, nil
}

// ready asks the database whether it is there, and still of this version.
func (p *Parts) ready(ctx context.Context) error { return p.DB.Fits(ctx) }

// listen serves HTTP until ctx ends and every request is answered.
func (n *Node) listen(ctx context.Context, out io.Writer) error {
	s, log := n.set, n.log
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return settings.Taken("--addr", s.Addr, err)
	}
	base := s.Base(l.Addr())
	if err := n.open(base); err != nil {
		return errors.Join(err, l.Close())
	}
	g := n.door
	if base == "" {
		g.Warn("--public-url is missing: this server listens on all networks and does not know its address, so mails and feeds have no links to it.")
	}
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(l) }()
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("draining")
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	g.Drain()
	n.Bookings.EndLive()
	if err := g.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
