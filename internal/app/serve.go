package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/event"
	"boxoffice/internal/gateway"
	"boxoffice/internal/limit"
	"boxoffice/internal/page"
	"boxoffice/internal/payment"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// Serve says how to run a node.
type Serve struct {
	Storage
	ReplicaURL string   `help:"A read replica of --database-url, asked for lists and search. Example: postgres://user@replica/boxoffice." placeholder:"URL"`
	Addr       string   `help:"Address and port to listen on. 0.0.0.0:8080 is all networks, port 0 a free port." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	OpsAddr    string   `help:"Address and port for operators: metrics (/metrics, Prometheus) and profiles (/debug/pprof/)." unset:"127.0.0.1:8090, or a free port if that is taken" placeholder:"HOST:PORT"`
	PublicURL  string   `help:"Scheme and host by which the world reaches the site: links in pages, mails and feeds begin with it. Example: https://tickets.example.org." unset:"the address it listens on, unless that is all networks" placeholder:"URL"`
	Proxies    []string `name:"trusted-proxies" help:"Networks of the proxies in front, whose X-Forwarded-For names the client. Example: 10.0.0.0/8,192.0.2.7/32." unset:"a proxy on this machine if --addr is a loopback address, otherwise none" placeholder:"CIDR"`
	Origins    []string `name:"cors-origins" help:"Other sites whose pages may call the API from browsers; * for all. Example: https://shop.example.org." placeholder:"ORIGIN"`
	RateLimit  int64    `help:"Requests a second that each account may send, and twice as many each address without an account; four seconds' worth at once. 0: requests are not limited." default:"50" placeholder:"N"`
	Loopback   int64    `name:"loopback-factor" help:"For rehearsals and tests: clients on this machine may send so many times as many requests. Example: 1000." default:"1" placeholder:"N"`
	AccessLog  bool     `help:"Log a line for each request."`
	TwoFactor  bool     `name:"require-two-factor" help:"Organizers and administrators must log in with two factors: until they have set that up, they may only do what customers may."`
	Demo       bool     `help:"Fill an empty database with example events and accounts, and print the accounts' passwords. On a loopback --addr only."`
}

const (
	slowPayment = 3 * time.Second  // how long the sandbox takes for tok_slow
	drainTime   = 20 * time.Second // for requests and payments under way at the end
)

// Run serves until ctx ends, then drains: no accepted request is dropped. It
// prints "listening on http://HOST:PORT" once it is ready.
func (s Serve) Run(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // the heap is small, and collecting it is a twentieth of a purchase
	}
	db, err := s.open(ctx, sqldb.Config{ReplicaURL: s.ReplicaURL})
	if err != nil {
		return err
	}
	n, err := s.start(ctx, db, Substitutes{}, log)
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
	if err := operators(n.Jobs, s.OpsAddr, n.Metrics, out, log); err != nil {
		return err
	}
	if s.DatabaseURL == "" {
		commands, err := listenFor(s.Data, n.Parts, log)
		if err != nil {
			return err
		}
		defer commands.close()
		n.Jobs.Go("commands", commands.run)
	}
	n.work()
	return n.listen(ctx, out)
}

// front puts the services and the pages behind the front door. The world reaches
// it at base.
func (p *Parts) front(s *Serve, base string, mail http.Handler, log *slog.Logger) (*gateway.Gateway, error) {
	var kit *page.Kit
	var err error
	if !p.noPages {
		if kit, err = page.New(page.Config{PublicURL: base, Demo: s.Demo, Holding: onPage{p}.Holding, Now: time.Now, Log: log}); err != nil {
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
	if cfg.TrustedProxies, err = s.trusted(); err != nil {
		return nil, err
	}
	if s.Demo { // with passwords that are printed: other sites' names must not lead here
		cfg.Hosts = []string{hostIn(s.PublicURL)}
	}
	cfg.LoopbackProxy = loopback(s.Addr) && len(s.Proxies) == 0
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
	g.Quick(p.Events.Quick()...)
	g.Quick(p.Bookings.Quick()...)
	g.Quick(p.Payments.Quick()...)
	g.Stream(booking.LiveOperation(), p.Bookings.Live)
	if kit != nil {
		if err := p.pages(g, kit, s, mail, log); err != nil {
			return nil, err
		}
	}
	g.Problems(booking.Problems, event.Problems, payment.Problems, user.Problems)
	g.Complete()
	return g, nil
}

// ready asks the database whether it is there, and still of this version.
func (p *Parts) ready(ctx context.Context) error { return p.DB.Fits(ctx) }

// listen serves HTTP until ctx ends and every request is answered.
func (n *Node) listen(ctx context.Context, out io.Writer) error {
	s, log := n.serve, n.log
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return taken("--addr", s.Addr, err)
	}
	base := s.base(l.Addr())
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

// taken is an error of listening, with what to do about it.
func taken(flag, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: another process listens on %s: end it, or give another address or port (port 0: a free one)", flag, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: %s is no address of this machine", flag, addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: this user may not listen on %s: give a port from 1024 on", flag, addr)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// hostIn is the host that a URL names; "" when there is none.
func hostIn(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// loopback reports whether an address can be reached from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
