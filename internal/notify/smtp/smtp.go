// Package smtp sends mails through an SMTP server, over a few connections that stay
// open. It decides by the server's answers whether a mail was taken over, will be taken
// later, or never (RFC 5321, section 4.2.1).
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/safetext"
)

// Config says which server takes the mails, and how.
type Config struct {
	Host           string
	Port           int
	TLS            bool // from the first byte on (RFC 8314); otherwise STARTTLS
	Clear          bool // without STARTTLS, if the server does not offer it
	User, Password string
	From           mail.Address
	Bounces        string         // the address to which mails come back; "": From's
	Connections    int            // at most
	Roots          *x509.CertPool // for tests; nil: the system's

	watched func(net.Conn) net.Conn // for tests: is given each connection; nil: nobody
}

// MailTime is how long Send may take for one mail.
const MailTime = dialTime + 2*mailTime + dataTime + dotTime

const (
	dialTime = 15 * time.Second
	mailTime = 60 * time.Second // for greeting a server, and for the sender and recipient of one mail
	dataTime = time.Minute      // for the content of a mail
	dotTime  = 10 * time.Minute // for the answer to it: before, nobody knows who is to send it on (RFC 5321, section 4.5.3.2.6)
	idleTime = 45 * time.Second // servers close idle connections after some minutes, some sooner
)

// Sender sends mails. It implements mail.Sender.
type Sender struct {
	cfg     Config
	slots   chan *slot // one for each connection
	denials denials
}

// slot is a connection, or room for one. Only the goroutine that took it from the
// channel uses it.
type slot struct {
	client *gomail.Client
	open   *gosmtp.Client // nil: no connection
	conn   net.Conn       // below open, or being opened
	used   time.Time
	ctx    context.Context // of the Send that uses it
	uncut  func() bool     // stops watching ctx
}

// New makes a Sender, without connecting.
func New(cfg Config) (*Sender, error) {
	s := &Sender{cfg: cfg, slots: make(chan *slot, max(1, cfg.Connections))}
	for range cap(s.slots) {
		one := &slot{}
		var err error
		if one.client, err = s.client(one); err != nil {
			return nil, fmt.Errorf("smtp: %w", err)
		}
		s.slots <- one
	}
	return s, nil
}

// client configures go-mail for one connection.
func (s *Sender) client(one *slot) (*gomail.Client, error) {
	secure := &tls.Config{ServerName: s.cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: s.cfg.Roots}
	policy := gomail.TLSMandatory
	switch {
	case s.cfg.TLS: // dial has done it
		policy = gomail.NoTLS
	case s.cfg.Clear:
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(s.cfg.Port), gomail.WithTimeout(mailTime), gomail.WithTLSConfig(secure), gomail.WithTLSPolicy(policy),
		gomail.WithoutNoop(), gomail.WithoutRset(), // each costs a round trip a mail
		gomail.WithHELO(helo(s.cfg.From)),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := s.dial(ctx, network, address, secure)
			if err == nil && s.cfg.watched != nil {
				conn = s.cfg.watched(conn)
			}
			if err == nil {
				one.conn = conn
				one.watch()
			}
			return conn, err
		}),
	}
	if s.cfg.User != "" { // go-mail refuses PLAIN and LOGIN without TLS, except to this machine
		options = append(options, gomail.WithUsername(s.cfg.User), gomail.WithPassword(s.cfg.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(s.cfg.Host, options...)
}

// helo is the name with which this client introduces itself: its machine's if that is
// complete, else the domain of the sender's address.
func helo(from mail.Address) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		return name
	}
	return from.Domain()
}

func (s *Sender) dial(ctx context.Context, network, address string, secure *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := &net.Dialer{}
	if s.cfg.TLS {
		return (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, network, address)
	}
	return dialer.DialContext(ctx, network, address)
}

// Send hands a mail over, on a connection that is free. It breaks off when ctx ends.
func (s *Sender) Send(ctx context.Context, m *mail.Mail) (answer string, err error) {
	msg, err := m.Message(s.cfg.From)
	if err == nil && s.cfg.Bounces != "" {
		err = msg.EnvelopeFrom(s.cfg.Bounces)
	}
	if err != nil {
		return "", &mail.Refused{Answer: err.Error()}
	}
	var one *slot
	select {
	case one = <-s.slots:
		defer func() { s.slots <- one }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	reused := one.open != nil
	answer, err = s.send(ctx, one, m, msg)
	if reused && errors.Is(err, errStale) && ctx.Err() == nil { // the server closed it while it was idle
		answer, err = s.send(ctx, one, m, msg)
	}
	if ctx.Err() != nil && err != nil {
		return "", ctx.Err()
	}
	return answer, err
}

// errStale is for a connection that broke before the server had anything of the mail.
var errStale = errors.New("the connection was closed")

// send makes one attempt.
func (s *Sender) send(ctx context.Context, one *slot, m *mail.Mail, msg *gomail.Msg) (string, error) {
	one.ctx = ctx
	defer one.unwatch()
	if one.open != nil && time.Since(one.used) > idleTime {
		one.quit()
	}
	if one.open == nil {
		open, err := one.client.DialToSMTPClientWithContext(ctx)
		if err != nil { // no connection, no TLS, or the log-in was refused
			one.drop()
			return "", &mail.Unavailable{Cause: err}
		}
		one.open = open
	} else {
		one.watch()
	}
	one.open.SkipSMTPUTF8(ascii(m.To)) // a mail that does not need it can go through servers that lack it
	if has, _ := one.open.Extension("SMTPUTF8"); !has && !ascii(m.To) {
		return "", &mail.Refused{Answer: "the mail server takes no addresses with other letters than ASCII before the at sign (it lacks SMTPUTF8)"}
	}
	if err := one.patient(msg); err != nil {
		return "", &mail.Refused{Answer: err.Error()}
	}
	err := one.client.SendWithSMTPClient(one.open, msg)
	one.used = time.Now()
	if msg.IsDelivered() {
		if err != nil { // after the answer
			one.drop()
		}
		s.denials.none()
		return "250 " + safetext.OneLine(msg.ServerResponse(), answerLen), nil
	}
	return "", s.failed(one, err, m.To)
}

// patient gives the server more time once the content of a mail is written. go-mail has
// one time limit for all of a mail.
func (one *slot) patient(msg *gomail.Msg) error {
	first := msg.GetParts()[0]
	text, err := first.GetContent()
	if err != nil {
		return err
	}
	first.SetWriteFunc(func(w io.Writer) (int64, error) {
		if err := one.conn.SetDeadline(time.Now().Add(dataTime + dotTime)); err != nil {
			return 0, err
		}
		n, err := w.Write(text)
		return int64(n), err
	})
	return nil
}

// failed says what an error of a mail means, and closes the connection unless the
// server merely answered that it does not take this mail.
func (s *Sender) failed(one *slot, err error, to string) error {
	var sent *gomail.SendError
	if !errors.As(err, &sent) {
		one.drop()
		return err
	}
	code, answer := sent.ErrorCode(), answerIn(sent)
	early := sent.Reason == gomail.ErrConnCheck || sent.Reason == gomail.ErrSMTPMailFrom
	if code == 0 || code == 421 || sent.Reason != gomail.ErrSMTPRcptTo && sent.Reason != gomail.ErrSMTPMailFrom {
		one.drop() // it is broken or ends, or nobody knows what it expects
	}
	switch {
	case early && (code == 0 || code == 421):
		return fmt.Errorf("%w: %s", errStale, answer)
	case early && code >= 500: // it is the sender who is refused, not the recipient
		return &mail.Unavailable{Cause: errors.New(answer)}
	case code >= 500 && sent.Reason == gomail.ErrSMTPRcptTo && denied(code, answer):
		if s.denials.another(mail.Domain(to)) {
			return &mail.Unavailable{Cause: errors.New(answer)}
		}
	case code >= 500:
		return &mail.Refused{Answer: answer, Dead: sent.Reason == gomail.ErrSMTPRcptTo && mail.Dead(enhanced(answer))}
	}
	return errors.New(answer)
}

// answerIn returns the server's answer in an error, or what happened instead of one.
func answerIn(e *gomail.SendError) string {
	text := strings.TrimPrefix(e.Error(), e.Reason.String()+": ")
	for _, more := range []string{", affected recipient(s):", ", affected message ID:"} {
		text, _, _ = strings.Cut(text, more)
	}
	if m := quoted.FindStringSubmatch(text); m != nil { // as net/textproto writes it
		if said, err := strconv.Unquote(m[2]); err == nil {
			text = m[1] + said
		}
	}
	return safetext.OneLine(text, answerLen)
}

var quoted = regexp.MustCompile(`^(\d{3} )("(?:[^"\\]|\\.)*")`)

// answerLen is how much of an answer is kept.
const answerLen = 500

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// watch closes the connection when the Send that uses it is to end: go-mail watches the
// context only while it dials.
func (one *slot) watch() {
	conn := one.conn
	one.uncut = context.AfterFunc(one.ctx, func() { _ = conn.Close() })
}

func (one *slot) unwatch() {
	if one.uncut != nil {
		one.uncut()
	}
	one.ctx, one.uncut = nil, nil
}

// drop closes a connection at once.
func (one *slot) drop() {
	if one.conn != nil {
		_ = one.conn.Close()
	}
	one.open, one.conn = nil, nil
}

// quit closes a connection as SMTP wants it.
func (one *slot) quit() {
	_ = one.conn.SetDeadline(time.Now().Add(time.Second))
	_ = one.client.CloseWithSMTPClient(one.open)
	one.drop()
}

// Close closes the connections, those in use as soon as they are free. Send opens new
// ones.
func (s *Sender) Close() {
	for range cap(s.slots) {
		one := <-s.slots
		if one.open != nil {
			one.quit()
		}
		defer func() { s.slots <- one }()
	}
}
