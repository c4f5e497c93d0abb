package stripe

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// check refuses settings with which no payment could succeed. Its errors repeat no key.
func (s Settings) check() error {
	kind, _, _ := strings.Cut(s.SecretKey, "_")
	switch {
	case s.SecretKey == "":
		return errors.New("stripe: the secret key is missing")
	case kind == "pk":
		return errors.New("stripe: the secret key is a publishable key (pk_…)")
	case kind != "sk" && kind != "rk" || mode(s.SecretKey) == "":
		return errors.New("stripe: the secret key does not begin with sk_live_, rk_live_, sk_test_ or rk_test_")
	case s.PublishableKey != "" && !strings.HasPrefix(s.PublishableKey, "pk_"):
		return errors.New("stripe: the publishable key does not begin with pk_")
	case s.PublishableKey != "" && mode(s.PublishableKey) != mode(s.SecretKey):
		return fmt.Errorf("stripe: the publishable key is of mode %q, the secret key of mode %q", mode(s.PublishableKey), mode(s.SecretKey))
	}
	for _, w := range s.WebhookSecrets {
		if !strings.HasPrefix(w, "whsec_") {
			return errors.New("stripe: a webhook secret does not begin with whsec_")
		}
	}
	for organizer, account := range s.Accounts {
		if !strings.HasPrefix(account, "acct_") {
			return fmt.Errorf("stripe: the account of organizer %s does not begin with acct_", organizer)
		}
	}
	if s.URL == "" {
		return nil
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("stripe: the address of the API is not a URL")
	} else if !s.Test() {
		return errors.New("stripe: live keys are for Stripe's own API only")
	}
	return nil
}

// mode returns live or test; "" if a key says neither.
func mode(key string) string {
	_, rest, _ := strings.Cut(key, "_")
	switch {
	case strings.HasPrefix(rest, "live_"):
		return "live"
	case strings.HasPrefix(rest, "test_"):
		return "test"
	}
	return ""
}

func isLive(key string) bool { return mode(key) == "live" }
