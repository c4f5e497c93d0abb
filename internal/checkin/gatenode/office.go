package gatenode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"boxoffice/internal/checkin"
	"boxoffice/internal/codec"
)

// office makes requests to the box office.
type office struct {
	url, token string
	client     *http.Client
}

const (
	dialWithin   = 3 * time.Second
	answerWithin = 10 * time.Second
	answerMost   = 64 << 20 // bytes: a plan of a million seats
)

func newOffice(url, token string) *office {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialWithin}).DialContext,
		TLSHandshakeTimeout: dialWithin,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     time.Minute,
	}
	return &office{url, token, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Refused is an error with which the box office has answered.
type Refused struct {
	Status int
	Slug   string // of the problem; "": the answer was not of the box office
	Detail string
	Fields []string // names and what is wrong with them
}

func (e *Refused) Error() string {
	if len(e.Fields) > 0 {
		return strings.Join(e.Fields, "; ")
	}
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("it answers with status %d", e.Status)
}

// final reports whether the same request is always refused.
func (e *Refused) final() bool {
	return e.Slug != "" && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden && e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout
}

// revoked reports whether an error says that this gate node was revoked.
func revoked(err error) bool {
	var e *Refused
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && e.Slug == "device-revoked"
}

// ask makes a request, whose context limits it, and returns the answer.
func (o *office) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		raw, err := codec.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, o.url+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	res, err := o.client.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

func refusal(res *http.Response) *Refused {
	e := &Refused{Status: res.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var doc struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
		Fields []struct {
			Name   string `json:"name"`
			Reason string `json:"reason"`
		} `json:"fields"`
	}
	if err == nil && codec.ReadKnown(raw, &doc) == nil {
		e.Detail, e.Slug = doc.Detail, doc.Type[strings.LastIndexByte(doc.Type, '/')+1:]
		for _, f := range doc.Fields {
			e.Fields = append(e.Fields, f.Name+" "+f.Reason)
		}
	}
	return e
}

// bytes makes a request and reads its answer.
func (o *office) bytes(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	res, err := o.ask(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, answerMost))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return raw, nil
}

// json makes a request and decodes its answer.
func (o *office) json(ctx context.Context, method, path string, body, into any) error {
	raw, err := o.bytes(ctx, method, path, body)
	if err != nil {
		return err
	}
	if err := codec.ReadKnown(raw, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// paired is the answer to POST /door/pair.
type paired struct {
	Device string `json:"device"`
	Token  string `json:"token"`
	State  struct {
		Device struct {
			ID         string    `json:"id"`
			Name       string    `json:"name"`
			Entrance   string    `json:"entrance"`
			Names      bool      `json:"names"`
			ValidFrom  time.Time `json:"valid_from"`
			ValidUntil time.Time `json:"valid_until"`
		} `json:"device"`
		Event struct {
			ID string `json:"id"`
		} `json:"event"`
	} `json:"state"`
}

func (o *office) pair(ctx context.Context, kind, code, name string) (p paired, err error) {
	body := map[string]string{"kind": kind, "code": code}
	if name != "" {
		body["name"] = name
	}
	err = (&office{o.url, "", o.client}).json(ctx, http.MethodPost, "/door/pair", body, &p)
	if err == nil && (p.Token == "" || p.State.Event.ID == "") {
		err = fmt.Errorf("%s is not a box office: its answer has no token", o.url)
	}
	return p, err
}

// send sends scans.
func (o *office) send(ctx context.Context, scans []checkin.NodeScan) (a checkin.NodeAnswers, err error) {
	err = o.json(ctx, http.MethodPost, "/door/node/scans", checkin.NodeScans{Scans: scans}, &a)
	if err == nil && len(a.Items) != len(scans) {
		err = fmt.Errorf("%d answers to %d scans", len(a.Items), len(scans))
	}
	return a, err
}
