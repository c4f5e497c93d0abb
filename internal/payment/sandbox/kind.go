package sandbox

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/sandbox/client"
	"boxoffice/internal/payment/sandbox/wire"
)

// Kind is the sandbox as --payments names it: "sandbox", in this process, or
// "sandbox=http://127.0.0.1:8070", a gateway of its own (boxoffice sandbox-gateway).
var Kind = provider.Kind{Name: "sandbox", Check: check, Open: open}

// slow is how long tok_slow takes.
const slow = 3 * time.Second

func check(address string) error {
	if address == "" {
		return nil
	}
	_, _, err := parse(address)
	return err
}

// parse returns the gateway's URL, and the secret that signs its answers.
func parse(address string) (base, secret string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errors.New("what follows sandbox= is not the URL of a sandbox gateway, such as http://127.0.0.1:8070 or http://:SECRET@127.0.0.1:8070")
	}
	secret = wire.Secret
	if own, given := u.User.Password(); given {
		secret = own
	}
	return u.Scheme + "://" + u.Host, secret, nil
}

func open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	if o.Address != "" {
		base, secret, err := parse(o.Address)
		if err != nil {
			return provider.Opened{}, err
		}
		g := client.New(base, secret)
		return provider.Opened{Gateway: g, Test: true, Close: g.Close}, nil
	}
	g, err := New(ctx, o.DB, o.Now, slow)
	if err != nil {
		return provider.Opened{}, err
	}
	return provider.Opened{Gateway: g, Test: true, Close: g.Close}, nil
}
