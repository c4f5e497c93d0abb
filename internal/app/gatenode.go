package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkin"
	"boxoffice/internal/checkin/gatenode"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/gate"
	"boxoffice/internal/gateway"
	"boxoffice/internal/jobs"
	"boxoffice/internal/limit"
	"boxoffice/internal/ops"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
)

// gateNodeDrain is how long requests under way may take at the end.
const gateNodeDrain = 5 * time.Second

// ServeGateNode serves the check-in app in the house until ctx ends (boxoffice gate-node).
func ServeGateNode(ctx context.Context, s settings.GateNode, out io.Writer, log *slog.Logger) error {
	if err := s.Check(); err != nil {
		return err
	}
	return serveGateNode(ctx, s, time.Now, out, log)
}

// serveGateNode serves on a machine with a clock.
func serveGateNode(ctx context.Context, s settings.GateNode, wall func() time.Time, out io.Writer, log *slog.Logger) (err error) {
	if !gatenode.Paired(s.Data) {
		switch found, _ := os.ReadDir(s.Data); { // a folder that is not there has nothing in it
		case len(found) > 0:
			return settings.BadFlag("--data", "%s has files of something else: give a gate node a folder of its own", s.Data)
		case s.Code == "":
			return settings.BadFlag("--code", "%v", gatenode.ErrUnpaired)
		case s.URL == "":
			return settings.BadFlag("--url", "the address of the box office is missing")
		}
	}
	certificate, err := certificateOf(&s)
	if err != nil {
		return err
	}
	cfg := gatenode.Config{Dir: s.Data, URL: s.URL, Code: s.Code, Name: s.Name, Wall: wall, Log: log}
	if err := gatenode.Pair(ctx, cfg); err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{Dir: s.Data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return settings.Taken("--listen", s.Listen, err)
	}
	defer l.Close()
	cfg.DB = db
	n, err := gatenode.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer n.Close()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	run, err := jobs.New(log, metrics)
	if err != nil {
		return err
	}
	door, err := checkin.New(ctx, checkin.Config{DB: db, Now: n.Now, Events: n, Keys: n.Keys, PublicURL: s.PublicURL, Log: log, Line: n})
	if err != nil {
		return err
	}
	defer door.Close()
	if err := n.Serve(ctx, door); err != nil {
		return err
	}
	base := s.Base(netip.MustParseAddrPort(l.Addr().String()))
	g, err := gateNodeFaces(&s, base, n, door, metrics, log)
	if err != nil {
		return err
	}
	if s.OpsAddr != "" {
		if err := ops.Serve(run, s.OpsAddr, metrics, out, log); err != nil {
			return err
		}
	}
	defer run.Stop()
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{GetCertificate: certificate.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(l) }()
	event, err := n.Events(ctx, []string{n.EventID()})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listening on %s\nthe door of %s, sold by %s\nopen %s/gate on each device, and pair it there\n", base, event[n.EventID()].Title, n.URL(), base)
	run.Go("box office", n.Run)
	run.Go("scans to send", n.Push)
	run.Go("status", func(ctx context.Context) error { return n.Tell(ctx, out) })
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), gateNodeDrain)
	defer cancel()
	g.Drain()
	door.EndLive()
	if err := g.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// gateNodeFaces is the gateway of a gate node: the check-in app, and the API of devices.
func gateNodeFaces(s *settings.GateNode, base string, n *gatenode.Node, door *checkin.Service, metrics *prometheus.Registry, log *slog.Logger) (*gateway.Gateway, error) {
	site, err := page.New(page.Config{PublicURL: base, Now: n.Now, Log: log})
	if err != nil {
		return nil, err
	}
	app, err := gate.New(site)
	if err != nil {
		return nil, err
	}
	const perSecond = 50
	g := gateway.New(gateway.Config{
		Authenticate: func(context.Context, string) (caller.Caller, error) {
			return caller.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "A gate node has no accounts.")
		},
		Devices: door.AuthenticateDevice, Log: log, Metrics: metrics, Ready: func(context.Context) error { return nil }, AccessLog: s.AccessLog, Outage: sqldb.Outage,
		Limits: gateway.DefaultLimits(perSecond, limit.NewMemory(time.Now)), PublicURL: base, WantsPage: page.WantsPage, ErrorPage: site.Error,
	})
	door.RegisterDoor(g.API())
	g.Stream(door.Operation(), door.Live)
	site.Mount(slices.Concat(site.Routes(), app.Routes()), g.Page)
	g.Page(http.MethodGet, "/", route.Shared, func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, gate.Path, http.StatusSeeOther)
		return nil
	})
	g.Page(http.MethodGet, "/events/{id}/plan", route.Optional, func(w http.ResponseWriter, r *http.Request) error {
		if r.PathValue("id") != n.EventID() {
			return errs.Missing("event")
		}
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write(n.PlanBody())
		return err
	})
	g.Problems(bookingapi.Problems, eventapi.Problems, checkinapi.Problems)
	g.Complete()
	return g, nil
}

// certFiles are the files of a certificate and its key. They are read again when they have
// changed: certificates are renewed while the gate node runs.
type certFiles struct {
	cert, key string

	mu   sync.Mutex
	read time.Time // when the file with the certificate was changed
	is   *tls.Certificate
}

// certificateOf reads the certificate; nil: there is none.
func certificateOf(s *settings.GateNode) (*certFiles, error) {
	if s.TLSCert == "" {
		return nil, nil //nolint:nilnil // see above
	}
	c := &certFiles{cert: s.TLSCert, key: s.TLSKey}
	_, err := c.get(nil)
	if err != nil {
		return nil, settings.BadFlag("--tls-cert", "%v", err)
	}
	return c, nil
}

// get returns the certificate for a connection.
func (c *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && (c.is == nil || !info.ModTime().Equal(c.read)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.is, c.read = &pair, info.ModTime()
		}
	}
	if c.is != nil {
		return c.is, nil // the one before, while the files are written
	}
	return nil, err
}
