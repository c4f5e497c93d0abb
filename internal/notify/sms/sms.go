package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"boxoffice/internal/codec"
)

// Message is a text message to one number.
type Message struct {
	Ref   string // names the message in the provider's calls
	To    string // E.164
	Text  string
	Until time.Time // it is useless afterwards
	Tried bool      // an earlier attempt may have succeeded: ask the provider first
	Since time.Time // no attempt was made before
}

// Config says which provider sends messages, and as whom.
type Config struct {
	URL            string // where the API begins, such as https://api.twilio.com
	Account, Token string
	From           string // a number in E.164, a name, or the id of a messaging service (MG…)
	Public         string // where the provider reaches this site; "": nowhere, it is not asked to call
	HTTP           *http.Client
	Now            func() time.Time
}

// Client sends messages. It is safe for concurrent use.
type Client struct{ cfg Config }

// Time limits of one request. Most are answered within a second.
const requestTime = 15 * time.Second

// SendTime is the longest time that Send takes: it makes two requests at most.
const SendTime = 2 * requestTime

// New makes a client. It connects to nothing.
func New(cfg Config) *Client {
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the password goes to one host
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{cfg}
}

// Close closes idle connections.
func (c *Client) Close() { c.cfg.HTTP.CloseIdleConnections() }

// Refused is the error for a message that the provider will never take.
type Refused struct{ Answer string }

func (e *Refused) Error() string { return "refused: " + e.Answer }

// Unavailable is the error for a provider that cannot be reached, or takes no message at
// all. The message was not taken.
type Unavailable struct {
	Cause error
	After time.Duration // before the next request, as the provider wishes; 0: it does not say
}

func (e *Unavailable) Error() string { return "unavailable: " + e.Cause.Error() }

func (e *Unavailable) Unwrap() error { return e.Cause }

// Send hands a message over, and returns the provider's id of it and its state. Its errors:
//
//	*Refused      never: the provider refuses this message for good
//	*Unavailable  not now, nor any other message
//	others        not now, or perhaps it was taken: the next attempt has Tried
func (c *Client) Send(ctx context.Context, m *Message) (Taken, error) {
	if m.Tried {
		if taken, found, err := c.find(ctx, m); err != nil || found {
			return taken, err
		}
	}
	form := url.Values{"To": {m.To}, "Body": {m.Text}}
	if strings.HasPrefix(c.cfg.From, "MG") && len(c.cfg.From) == 34 {
		form.Set("MessagingServiceSid", c.cfg.From)
	} else {
		form.Set("From", c.cfg.From)
	}
	if to := c.statusURL(m.Ref); to != "" {
		form.Set("StatusCallback", to)
	}
	if !m.Until.IsZero() {
		form.Set("ValidityPeriod", strconv.Itoa(int(min(max(m.Until.Sub(c.cfg.Now()), time.Second), longestValidity)/time.Second)))
	}
	var taken Taken
	err := c.call(ctx, http.MethodPost, "", form, &taken)
	if err == nil && taken.ID == "" {
		err = errors.New("the answer has no id of a message: is this a provider of the shape of Twilio's?")
	}
	return taken, err
}

// longestValidity is how long Twilio keeps a message at most.
const longestValidity = 10 * time.Hour

// Taken is what the provider says of a message that it has taken.
type Taken struct {
	ID     string `json:"sid"`
	Status Status `json:"status"`
	Code   int    `json:"error_code"`

	To      string `json:"to"`
	Body    string `json:"body"`
	Created string `json:"date_created"` // RFC 5322
}

const (
	looked   = 50              // messages to the number, the newest first
	clocks   = 5 * time.Minute // that the provider's clock may differ
	mostRead = 1 << 20
)

// find looks for a message among those that the provider has taken.
func (c *Client) find(ctx context.Context, m *Message) (Taken, bool, error) {
	var list struct {
		Messages []Taken `json:"messages"`
	}
	query := url.Values{"To": {m.To}, "PageSize": {strconv.Itoa(looked)}}
	if err := c.call(ctx, http.MethodGet, "?"+query.Encode(), nil, &list); err != nil {
		var refused *Refused
		if errors.As(err, &refused) { // the question, not the message
			err = fmt.Errorf("look for the message: %s", refused.Answer)
		}
		return Taken{}, false, err
	}
	for _, one := range list.Messages {
		at, err := time.Parse(time.RFC1123Z, one.Created)
		if err != nil || at.Before(m.Since.Add(-clocks)) || one.To != m.To || !strings.HasSuffix(one.Body, m.Text) { // trial accounts put a text in front
			continue
		}
		return one, true, nil
	}
	return Taken{}, false, nil
}

// call makes one request to the messages of the account.
func (c *Client) call(ctx context.Context, method, query string, form url.Values, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var wrote atomic.Bool // something of the request: the provider may have acted on it
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	address := c.cfg.URL + "/2010-04-01/Accounts/" + url.PathEscape(c.cfg.Account) + "/Messages.json" + query
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return &Unavailable{Cause: errors.New("the provider's address is malformed")}
	}
	r.SetBasicAuth(c.cfg.Account, c.cfg.Token)
	r.Header.Set("Accept", "application/json")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.cfg.HTTP.Do(r)
	if err != nil {
		err = unaddressed(err)
		if !wrote.Load() || method == http.MethodGet {
			return &Unavailable{Cause: err}
		}
		return fmt.Errorf("perhaps taken: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostRead))
	if err != nil {
		return fmt.Errorf("perhaps taken: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return failure(resp, raw)
	}
	if err := codec.ReadKnown(raw, answer); err != nil {
		return fmt.Errorf("perhaps taken: the answer is not one of Twilio's API: %w", err)
	}
	return nil
}

// unaddressed leaves the address out of an error: it contains the account and the
// recipient's number.
func unaddressed(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
