package stripe

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
)

// SignatureHeader signs a message: t=TIME,v1=SIGNATURE,v1=SIGNATURE…
const SignatureHeader = "Stripe-Signature"

// message is what is read of an event.
type message struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Livemode bool   `json:"livemode"`
	Data     struct {
		Object about `json:"object"`
	} `json:"data"`
}

// about is what is read of the object of an event: an intent, a session, a charge, a
// refund, a dispute, or something else.
type about struct {
	Object       string            `json:"object"`
	Status       string            `json:"status"`
	Metadata     map[string]string `json:"metadata"`
	LatestCharge string            `json:"latest_charge"` // of an intent
	Charge       string            `json:"charge"`        // of a dispute or a refund
}

// noticeTimeout bounds the look-up of a charge.
const noticeTimeout = 10 * time.Second

// Notice implements provider.Notifier. Disputes do not name our charge, and neither do
// refunds that were made on Stripe's pages; Stripe is asked for it, once the signature was
// checked.
func (g *Gateway) Notice(ctx context.Context, h http.Header, body []byte, now time.Time) (provider.Notice, error) {
	if err := g.verify(h.Get(SignatureHeader), body, now); err != nil {
		return provider.Notice{}, err
	}
	var m message
	if err := codec.ReadKnown(body, &m); err != nil {
		return provider.Notice{}, fmt.Errorf("message of stripe: %w", err)
	}
	if m.Object != "event" || m.ID == "" {
		return provider.Notice{}, errors.New("message of stripe: it is not an event")
	}
	n := provider.Notice{ID: m.ID, At: time.Unix(m.Created, 0).UTC()}
	if m.Livemode == g.settings.Test() {
		return n, nil // of the other mode of the account
	}
	o := m.Data.Object
	if (o.Object == "dispute" || o.Object == "refund" && o.Metadata[metaCharge] == "") && o.Charge != "" {
		ctx, cancel := context.WithTimeout(ctx, noticeTimeout)
		defer cancel()
		ch, err := g.api.V1Charges.Retrieve(ctx, o.Charge, nil)
		if err != nil {
			return provider.Notice{}, unclear("read charge of a "+o.Object, err)
		}
		o.Metadata = ch.Metadata
	}
	if charge := o.Metadata[metaCharge]; charge != "" {
		n.Charges = []string{charge}
	}
	n.Echo = m.Type == "payment_intent.succeeded" ||
		o.Object == "refund" && o.Metadata[metaKey] != "" && (o.Status == string(stripe.RefundStatusPending) || o.Status == string(stripe.RefundStatusSucceeded))
	return n, nil
}

// verify checks a signature over a body. Each of the secrets may have signed it, so that
// a secret can be replaced.
func (g *Gateway) verify(header string, body []byte, now time.Time) error {
	stamp, signatures := "", [][]byte{}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			if stamp != "" {
				return provider.ErrForged
			}
			stamp = value
		case "v1":
			if raw, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, raw)
			}
		}
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(signatures) == 0 || strconv.FormatInt(at, 10) != stamp {
		return provider.ErrForged
	}
	if off := now.Sub(time.Unix(at, 0)); off > provider.NoticeTolerance || off < -provider.NoticeTolerance {
		return provider.ErrForged
	}
	for _, secret := range g.settings.WebhookSecrets {
		want := webhook.ComputeSignature(time.Unix(at, 0), body, secret)
		for _, s := range signatures {
			if hmac.Equal(s, want) {
				return nil
			}
		}
	}
	return provider.ErrForged
}
