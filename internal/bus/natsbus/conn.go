package natsbus

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	connectTime  = 2 * time.Second // for one attempt
	retryAfter   = 250 * time.Millisecond
	pingEvery    = 2 * time.Second // a server that does not answer two of them is given up
	writeTime    = 2 * time.Second // for what is to be sent, until the connection is given up
	maxBackLog   = 1024            // signals and runs that wait to be sent; more are dropped
	publishTime  = 5 * time.Second // until the stream has stored some messages
	streamAge    = 24 * time.Hour
	streamBytes  = 256 << 20        // which the server reserves
	dedupFor     = 5 * time.Second  // shorter than the time after which the relay publishes again
	receiveAgain = 2 * time.Minute  // of messages that were published before, after a pause in receiving
	widenEvery   = 10 * time.Second // between two looks whether a stream may have more replicas
	ledgerAgain  = 5 * time.Second  // the same, of runs of ledger entries
	macSize      = 16
)

// Config says where NATS is.
type Config struct {
	URL    string // one server or several, with commas: nats://host:4222,nats://host2:4222
	Creds  string // file with credentials; "": none
	CA     string // file with the certificates that the servers' are signed by; "": the system's
	Secret []byte // of the database, the same on all its nodes

	Log     *slog.Logger
	Metrics *Metrics // nil: of its own
}

// Metrics are what operators see of the connection.
type Metrics struct {
	up              prometheus.Gauge
	dropped, forged prometheus.Counter
}

// NewMetrics makes the metrics of a connection; without one they stay 0.
func NewMetrics() *Metrics {
	return &Metrics{
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "boxoffice_bus_connected",
			Help: "1 while this node is connected to NATS.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_bus_signals_dropped_total",
			Help: "Signals and ledger entries that were not sent, since NATS was away or slow. Other nodes find out from the database.",
		}),
		forged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "boxoffice_bus_forged_total",
			Help: "Messages and signals that were ignored, since no node on this database has published them.",
		}),
	}
}

// Register registers the metrics.
func (m *Metrics) Register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.up), r.Register(m.dropped), r.Register(m.forged))
}

// Conn is a connection to NATS. It implements bus.Transport; Signals and Runs are
// bus.Signals and bus.Runs.
type Conn struct {
	log    *slog.Logger
	secret []byte
	name   string // of the database, in the names of stream and subjects
	nc     *nats.Conn
	js     jetstream.JetStream

	messages, ledgers stream

	signals chan *nats.Msg // signals and runs that wait to be sent
	closing chan struct{}
	running sync.WaitGroup

	metrics  *Metrics
	tooLarge sync.Once
	up       atomic.Bool

	mu    sync.Mutex
	again chan struct{} // closed at the next connect
}

// Open connects to NATS, and does not wait for that: servers that are away may come
// later. It fails if the configuration is wrong, such as a file that cannot be read.
func Open(cfg Config) (*Conn, error) {
	c := &Conn{
		log: cfg.Log, secret: cfg.Secret,
		signals: make(chan *nats.Msg, maxBackLog), closing: make(chan struct{}), again: make(chan struct{}),
		metrics: cfg.Metrics,
	}
	if c.metrics == nil {
		c.metrics = NewMetrics()
	}
	name := sha256.Sum256(append([]byte("name of the stream\n"), cfg.Secret...))
	c.name = hex.EncodeToString(name[:6])
	c.messages = stream{c, "BOXOFFICE_" + c.name, c.subject(">"), "Messages between the services of boxoffice."}
	c.ledgers = stream{c, "BOXOFFICE_" + c.name + "_LEDGER", c.runs("*"), "What the nodes of boxoffice commit to the ledgers of events."}
	options := []nats.Option{
		nats.Name("boxoffice"),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(retryAfter), nats.ReconnectJitter(retryAfter, retryAfter),
		nats.IgnoreAuthErrorAbort(), // the operator may mend it at the servers
		nats.Timeout(connectTime), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(writeTime),
		nats.ReconnectBufSize(-1), // what cannot be sent now is made up for by the database
		nats.NoEcho(),
		nats.ConnectHandler(c.connected), nats.ReconnectHandler(c.connected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.metrics.up.Set(0)
			if c.up.Swap(false) && !c.closed() {
				c.log.Warn("NATS is away; this node reads the database more often", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Warn("NATS reports an error", "error", err)
		}),
	}
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	if cfg.CA != "" {
		options = append(options, nats.RootCAs(cfg.CA))
	}
	var err error
	if c.nc, err = nats.Connect(cfg.URL, options...); err != nil {
		if bad := (*url.Error)(nil); errors.As(err, &bad) { // it quotes the URL, which may have a password
			err = errors.New("an address of a server cannot be read")
		}
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if c.js, err = jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(publishTime)); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if !c.nc.IsConnected() {
		c.log.Warn("NATS does not answer yet; this node reads the database more often until it does")
	}
	c.running.Go(c.send)
	return c, nil
}

// closed reports whether Close was called.
func (c *Conn) closed() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// connected is called at the first connect and at each one after that.
func (c *Conn) connected(nc *nats.Conn) {
	c.up.Store(true)
	c.metrics.up.Set(1)
	c.log.Info("connected to NATS", "server", nc.ConnectedUrlRedacted())
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.again)
	c.again = make(chan struct{})
}

// reconnected is closed at the next connect.
func (c *Conn) reconnected() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.again
}

// Connected reports whether this node is connected to a server. It never waits, as
// nats.Conn.IsConnected does while a server is dialled that does not answer, or written to
// that takes nothing.
func (c *Conn) Connected() bool { return c.up.Load() }

// Close ends the connection, after what Publish has taken was sent if that is possible
// at once.
func (c *Conn) Close() {
	close(c.closing)
	c.running.Wait()
	if c.nc.IsConnected() {
		_ = c.nc.FlushTimeout(retryAfter)
	}
	c.nc.Close()
}

// mac authenticates what a node of this database publishes on a subject.
func (c *Conn) mac(subject string, body []byte) []byte {
	h := hmac.New(sha256.New, c.secret)
	h.Write([]byte(subject))
	h.Write([]byte{'\n'})
	h.Write(body)
	return h.Sum(nil)[:macSize]
}

// genuine reports whether a MAC is right, and counts those that are not.
func (c *Conn) genuine(mac []byte, subject string, body []byte) bool {
	if subtle.ConstantTimeCompare(mac, c.mac(subject, body)) == 1 {
		return true
	}
	c.metrics.forged.Inc()
	return false
}
