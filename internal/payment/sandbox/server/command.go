package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/settings"
)

// Command runs the gateway.
type Command struct {
	Addr      string        `help:"Address and port to listen on, of this machine only, since the gateway obeys everybody. Port 0: any free port." default:"127.0.0.1:8070" placeholder:"HOST:PORT"`
	Data      string        `help:"Folder for its record." default:"sandbox-gateway" placeholder:"DIR"`
	PublicURL string        `help:"Scheme and host under which buyers reach its pages." unset:"the address it listens on" placeholder:"URL"`
	Webhook   string        `help:"URL that it tells what happens. Example: http://127.0.0.1:8080/payments/webhooks/sandbox." placeholder:"URL"`
	Secret    string        `help:"Signs its answers and webhooks. A server needs it too: --payments sandbox=http://:SECRET@127.0.0.1:8070." default:"sandbox" placeholder:"SECRET"`
	Slow      time.Duration `help:"How long the method tok_slow takes." default:"3s" placeholder:"D"`
	Expires   time.Duration `help:"How long an authorization lasts." default:"168h" placeholder:"D"`
	Latency   string        `help:"How long answers take, a duration or a range. Example: 50ms-2s." unset:"no time" placeholder:"D-D"`
	Faults    []string      `help:"Requests that go wrong, as a share of all, by fault. Example: error-before=0.05,error-after=0.05,timeout-after=0.01. Its home page lists the faults." placeholder:"FAULT=SHARE"`
	LateHooks float64       `name:"webhook-trouble" help:"Share of webhooks that come late, out of order and twice." default:"0" placeholder:"SHARE"`
	Seed      uint64        `help:"A number; gateways with the same seed draw the same faults." default:"1"`
}

// Run serves until ctx ends. It prints "listening on http://HOST:PORT" once it is ready.
func (c Command) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	cfg, err := c.config(log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return settings.Taken("--addr", c.Addr, err)
	}
	defer l.Close()
	if cfg.URL == "" {
		cfg.URL = "http://" + l.Addr().String()
	}
	s, err := New(cfg)
	if err != nil {
		return err
	}
	jobs, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- s.Run(jobs) }()
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err = web.Shutdown(drain)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) { // some wait for an answer that never comes
			err = web.Close()
		}
	}
	stop()
	return errors.Join(err, <-ran, s.Close())
}

// config checks the flags.
func (c Command) config(log *slog.Logger) (Config, error) {
	cfg := Config{Data: c.Data, URL: strings.TrimSuffix(c.PublicURL, "/"), Webhook: c.Webhook, Secret: c.Secret, Slow: c.Slow, Expires: c.Expires, Seed: c.Seed,
		Switches: Switches{Shares: map[Fault]float64{}, Webhooks: c.LateHooks}, Now: time.Now, Log: log}
	switch {
	case !settings.Loopback(c.Addr):
		return cfg, settings.BadFlag("--addr", "%q is not an address of this machine only, such as 127.0.0.1:8070: the gateway obeys everybody who reaches it", c.Addr)
	case c.Data == "":
		return cfg, settings.BadFlag("--data", "the name of the folder is missing")
	case c.Secret == "":
		return cfg, settings.BadFlag("--secret", "it is empty")
	case c.Slow < 0 || c.Slow > 24*time.Hour:
		return cfg, settings.BadFlag("--slow", "%v is not between 0 and 24h", c.Slow)
	case c.Expires < time.Second || c.Expires > 90*24*time.Hour:
		return cfg, settings.BadFlag("--expires", "%v is not between 1s and 2160h", c.Expires)
	}
	for flag, text := range map[string]string{"--public-url": c.PublicURL, "--webhook": c.Webhook} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
			return cfg, settings.BadFlag(flag, "%q is not a URL such as http://127.0.0.1:8080", text)
		}
	}
	if c.Latency != "" {
		from, to, ranged := strings.Cut(c.Latency, "-")
		if !ranged {
			to = from
		}
		var err, err2 error
		cfg.Switches.LatencyMin, err = time.ParseDuration(from)
		cfg.Switches.LatencyMax, err2 = time.ParseDuration(to)
		if err != nil || err2 != nil {
			return cfg, settings.BadFlag("--latency", "%q is not a duration or a range of durations, such as 50ms-2s", c.Latency)
		}
	}
	for _, text := range c.Faults {
		name, share, _ := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(share, 64)
		if err != nil {
			return cfg, settings.BadFlag("--faults", "%q is not a fault and its share, such as error-before=0.05", text)
		}
		cfg.Switches.Shares[Fault(name)] = n
	}
	if err := cfg.Switches.Check(); err != nil {
		flag := "--latency"
		switch {
		case strings.HasPrefix(err.Error(), "faults"):
			flag = "--faults"
		case strings.HasPrefix(err.Error(), "webhooks"):
			flag = "--webhook-trouble"
		}
		return cfg, settings.BadFlag(flag, "%w", err)
	}
	return cfg, nil
}

// BooksCommand prints the gateway's own view of all money.
type BooksCommand struct {
	Data string `help:"Folder of its record; the gateway may be running." default:"sandbox-gateway" placeholder:"DIR"`
	JSON bool   `help:"Print one JSON object, with every charge."`
}

// Run prints the books.
func (c BooksCommand) Run(out io.Writer) error {
	books, err := ReadBooks(c.Data)
	if err != nil {
		return settings.BadFlag("--data", "%w", err)
	}
	if c.JSON {
		return codec.Write(out, books)
	}
	for _, currency := range slices.Sorted(maps.Keys(books.Currencies)) {
		s := books.Currencies[currency]
		fmt.Fprintf(out, "%s: %s, reserved %d, captured %d, refunded %d, disputed %d, won back %d, fees %d, paid out %d, to be paid out %d (minor units)\n",
			currency, settings.Counted(s.Charges, "charge", "charges"), s.Reserved, s.Captured, s.Refunded, s.Disputed, s.WonBack, s.Fees, s.PaidOut, s.Payable)
	}
	if len(books.Currencies) == 0 {
		fmt.Fprintln(out, "no charges")
	}
	return nil
}
