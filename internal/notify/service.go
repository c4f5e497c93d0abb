package notify

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/errs"
	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config configures the service.
type Config struct {
	DB       *sqldb.DB
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Sender   mail.Sender
	Test     bool // mails say that no real money moves
	Parallel int  // mails that are sent at a time; as many as Sender has connections

	// PerDomain is how many mails a second this node sends to the addresses of one
	// domain; 0: as many as the mail server takes.
	PerDomain int

	// Preferences know who does not want mails of a topic; nil: everybody wants them.
	Preferences Preferences
	Texts       *Texting // how text messages are sent; nil: none are

	// Files makes the attachments of a notice; nil: there are none.
	Files func(ctx context.Context, n *notifyapi.Notice) ([]mail.File, error)

	// Holders finds the recipients of a mailing in up to limit orders after a booking id,
	// in the order of ids, and returns the last id that it has looked at; "": there are no
	// more. Their notices have no ID and kind. nil: mailings wait.
	Holders func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) (list []notifyapi.Notice, last string, err error)
}

// Service is the Notification Service. It implements notifyapi.Service.
type Service struct {
	cfg     Config
	store   store
	letters *letter.Renderer
	metrics metrics
	pace    pace
	outage  outage
	holds   holds
	kicked  chan struct{} // wakes Run
	ids     messageIDs

	lease   *sqldb.Lease  // of the node that carries out mailings
	mailing chan struct{} // wakes that

	textOutage outage
	textKicked chan struct{} // wakes runTexts
}

// New migrates the tables and makes the service. Run sends what is due.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "notify", migrations); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, store: store{cfg.DB}, pace: newPace(cfg.PerDomain), kicked: make(chan struct{}, 1), mailing: make(chan struct{}, 1),
		outage:     outage{says: "the mail server cannot be reached; mails wait"},
		textOutage: outage{says: "the provider of text messages cannot be reached; they wait"}, textKicked: make(chan struct{}, 1)}
	var err error
	if s.lease, err = sqldb.NewLease(ctx, cfg.DB, "mailings"); err != nil {
		return nil, err
	}
	if s.ids, err = openMessageIDs(ctx, cfg.DB); err != nil {
		return nil, err
	}
	if s.letters, err = letter.New(); err != nil {
		return nil, err
	}
	s.letters.Test = cfg.Test
	s.metrics, err = newMetrics(cfg.Metrics)
	return s, err
}

// keepTrying is how long a mail is tried, as mail servers do (RFC 5321, section 4.5.4.1).
const keepTrying = 4 * 24 * time.Hour

// Notify stores notices; see notifyapi.Service.
func (s *Service) Notify(ctx context.Context, list []notifyapi.Notice) error {
	write, err := s.Prepare(list)
	if write == nil || err != nil {
		return err
	}
	if err := s.cfg.DB.Write(ctx, func(tx *sql.Tx) error { return write(ctx, tx) }); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	s.Wake()
	return nil
}

// Prepare is Notify for a transaction of this service's database: it checks notices, and
// write stores them. Wake the service once that is committed. write is nil if there is
// nothing to store.
func (s *Service) Prepare(list []notifyapi.Notice) (write func(ctx context.Context, tx *sql.Tx) error, err error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // nothing is to be stored
	}
	now := s.cfg.Now()
	rows := make([]row, len(list))
	for i := range list {
		if rows[i], err = newRow(&list[i], now); err != nil {
			return nil, err
		}
	}
	rows = s.withTexts(rows, nil)
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.store.insert(ctx, tx, rows)
		return err
	}, nil
}

// Forget forgets a person; see notifyapi.Service.
func (s *Service) Forget(ctx context.Context, userID string) error {
	if userID == "" {
		return nil
	}
	if err := s.store.forgetUser(ctx, userID, s.cfg.Now()); err != nil {
		return fmt.Errorf("forget notices: %w", err)
	}
	return nil
}

// newRow returns the row of a notice that is new.
func newRow(n *notifyapi.Notice, now time.Time) (row, error) {
	if n.ID == "" {
		return row{}, errs.New(errs.Invalid, "bad-notice", "A notice of kind %q has no ID.", n.Kind)
	}
	if !letter.Known(n.Kind) {
		return row{}, errs.New(errs.Invalid, "bad-notice", "Notice %s is of kind %q, which is unknown.", n.ID, n.Kind)
	}
	until := now.Add(keepTrying)
	if !n.Until.IsZero() && n.Until.Before(until) {
		until = n.Until
	}
	r := row{notice: *n, urgency: urgencyOf(n), created: now, until: until, next: now, state: queued}
	var err error
	if r.notice.To, err = mail.Recipient(n.To); err != nil {
		r.notice.To, r.notice.Data = storable(n.To), notifyapi.Data{}
		r.state, r.answer, r.done = failed, err.Error(), now
	}
	return r, nil
}

// Urgencies: people wait for a code or a link, and would like to see their tickets. What
// goes to all who have tickets for an event waits behind everything else.
const (
	waitedFor = iota
	expected
	bulk
	urgencies = iota
)

func urgencyOf(n *notifyapi.Notice) int {
	switch n.Kind {
	case notifyapi.Verify, notifyapi.AccountExists, notifyapi.Reset, notifyapi.Code:
		return waitedFor
	case notifyapi.Refunded:
		if n.Data.Refund != nil && n.Data.Refund.Off { // all buyers of a cancelled event get one
			return bulk
		}
	}
	return expected
}

// Wake has Run look at once for what is due.
func (s *Service) Wake() {
	wake(s.kicked)
	wake(s.textKicked)
}

// wake wakes what listens to a channel with room for one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// metrics of the service.
type metrics struct {
	notices, texts     *prometheus.CounterVec
	outage, textOutage prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) (m metrics, err error) {
	m.notices = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "boxoffice_mails_total",
		Help: "Attempts to send a mail, by outcome: sent, failed (given up) or retried.",
	}, []string{"outcome"})
	for _, outcome := range []string{"sent", "failed", "retried"} {
		m.notices.WithLabelValues(outcome)
	}
	m.outage = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_mail_server_unreachable",
		Help: "1 while the mail server cannot be reached, or takes no mail at all.",
	})
	m.texts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "boxoffice_texts_total",
		Help: "Attempts to send a text message, by outcome: sent, failed (given up) or retried; and what the provider reported later: delivered or lost.",
	}, []string{"outcome"})
	for _, outcome := range []string{"sent", "failed", "retried", "delivered", "lost"} {
		m.texts.WithLabelValues(outcome)
	}
	m.textOutage = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_text_provider_unreachable",
		Help: "1 while the provider of text messages cannot be reached, or takes no message at all.",
	})
	for _, c := range []prometheus.Collector{m.notices, m.outage, m.texts, m.textOutage} {
		if err := registry.Register(c); err != nil {
			return m, fmt.Errorf("notify: %w", err)
		}
	}
	return m, nil
}
