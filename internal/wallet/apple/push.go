package apple

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"boxoffice/internal/codec"
)

// PushURL is APNs, for passes as for apps; passes only exist there.
const PushURL = "https://api.push.apple.com"

const pushTime = 15 * time.Second // for one notification

// ErrGone says that a push token is of no use any more.
var ErrGone = errors.New("the device does not take notifications any more")

// Pusher tells devices that a pass has changed.
type Pusher struct {
	client *http.Client
	url    string
	topic  string
}

// Pusher speaks to APNs at an address ("": PushURL) with the pass certificate. roots, unless
// nil, are the authorities that are trusted in place of the machine's.
func (id *Identity) Pusher(address string, roots *x509.CertPool) *Pusher {
	if address == "" {
		address = PushURL
	}
	return &Pusher{
		client: &http.Client{Timeout: pushTime, Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{id.client()}, RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true, // which APNs demands
			Proxy:             http.ProxyFromEnvironment, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: pushTime,
		}},
		url: address, topic: id.PassType,
	}
}

// Push tells a device that one of its passes has changed. The error is ErrGone if the
// device must not be told again; all others may pass.
//
// The payload is empty, as "Adding a Web Service to Update Passes" says: the device then
// asks which passes have changed.
func (p *Pusher) Push(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/3/device/"+url.PathEscape(token), strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("apns-topic", p.topic)
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 4096)) // of an answer that is cut off the status says enough
	if res.StatusCode == http.StatusOK {
		return nil
	}
	var says struct {
		Reason string `json:"reason"`
	}
	_ = codec.ReadKnown(raw, &says) // without a reason the status says enough
	if res.StatusCode == http.StatusGone || says.Reason == "BadDeviceToken" || says.Reason == "DeviceTokenNotForTopic" || says.Reason == "Unregistered" {
		return ErrGone
	}
	return fmt.Errorf("push: APNs answers %d %.100q", res.StatusCode, says.Reason)
}

// Close closes the connections that wait.
func (p *Pusher) Close() { p.client.CloseIdleConnections() }
