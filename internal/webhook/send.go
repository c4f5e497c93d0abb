package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"boxoffice/internal/webhookapi"
)

const (
	sendTime   = 15 * time.Second // for a whole attempt
	dialTime   = 5 * time.Second
	answerMost = 1024     // bytes of an answer's body that are read and kept
	headerMost = 16 << 10 // bytes of an answer's header
)

// newTransport makes connections to receivers. Proxies of the environment are not used:
// behind one, nobody here could see which address a request goes to.
func newTransport(g guard, resolver *net.Resolver) *http.Transport {
	d := &net.Dialer{Timeout: dialTime, Control: g.control, Resolver: resolver, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: d.DialContext, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: sendTime, MaxResponseHeaderBytes: headerMost,
		MaxIdleConnsPerHost: widthHealthy, MaxIdleConns: 200, IdleConnTimeout: 30 * time.Second,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 1 << 20}, // of answers that nobody reads
		DisableCompression: true,                                                                                           // a small answer may be a large one when it is unpacked
	}
}

// sender sends messages to receivers.
type sender struct {
	client *http.Client
	now    func() time.Time
	limit  time.Duration // for a whole attempt: sendTime, but for tests
}

func newSender(transport http.RoundTripper, now func() time.Time) *sender {
	return &sender{now: now, limit: sendTime, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send makes one attempt to deliver a message.
func (s *sender) send(ctx context.Context, url string, secrets []string, messageID, body string) (o outcome) {
	began := time.Now()
	defer func() { o.took = time.Since(began) }()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return outcome{failure: webhookapi.Broken}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "boxoffice-webhooks")
	if err := sign(req.Header, secrets, messageID, s.now(), []byte(body)); err != nil {
		return outcome{failure: webhookapi.Broken}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return outcome{failure: failureOf(err)}
	}
	defer res.Body.Close()
	o.status, o.retryAfter = res.StatusCode, retryAfter(res.Header.Get("Retry-After"), s.now())
	raw, err := io.ReadAll(io.LimitReader(res.Body, answerMost))
	o.answer = readable(raw)
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		o.failure = webhookapi.Redirected
	case res.StatusCode < 200 || res.StatusCode >= 300:
		o.failure = webhookapi.BadStatus
	case err != nil: // the receiver has said that it has the message
	}
	return o
}

// failureOf says why there was no answer.
func failureOf(err error) string {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var host x509.HostnameError
	switch {
	case forbidden(err):
		return webhookapi.Forbidden
	case lookup(err):
		return webhookapi.NoAddress
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &host):
		return webhookapi.BadTLS
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timedOut(err):
		return webhookapi.NoAnswer
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return webhookapi.NotAccepted
	}
	return webhookapi.Broken
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// retryAfter is how long an answer asks to wait, by its Retry-After header in either form.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// readable is the beginning of an answer as the log keeps it: valid UTF-8 without control
// characters.
func readable(raw []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(raw), ""))
}
