package settings

import (
	"strings"
	"testing"
)

func TestWallets(t *testing.T) {
	for name, c := range map[string]struct {
		w     Wallets
		parts []string // of the error; none: it is right
	}{
		"none":             {Wallets{}, nil},
		"Apple":            {Wallets{ApplePassCert: "a", ApplePassKey: "b", AppleWWDR: "c"}, nil},
		"Google":           {Wallets{GoogleWalletKey: "a", GoogleWalletIssuer: "3388000000022000000"}, nil},
		"no key":           {Wallets{ApplePassCert: "a", AppleWWDR: "c"}, []string{"--apple-pass-key is missing", "--apple-pass-cert"}},
		"no certificate":   {Wallets{AppleWWDR: "c"}, []string{"--apple-pass-cert is missing", "--apple-wwdr"}},
		"no authority":     {Wallets{ApplePassCert: "a", ApplePassKey: "b"}, []string{"--apple-wwdr is missing"}},
		"no issuer":        {Wallets{GoogleWalletKey: "a"}, []string{"--google-wallet-issuer is missing", "--google-wallet-key"}},
		"a wrong issuer":   {Wallets{GoogleWalletKey: "a", GoogleWalletIssuer: "my shop"}, []string{"--google-wallet-issuer", "digits"}},
		"issuer, no key":   {Wallets{GoogleWalletIssuer: "1"}, []string{"--google-wallet-key is missing"}},
		"one of each only": {Wallets{AppleWWDR: "c", GoogleWalletIssuer: "1"}, []string{"--apple-pass-cert is missing"}},
	} {
		s := Server{Addr: "127.0.0.1:8080", Loopback: 1, Wallets: c.w}
		err := s.Check()
		if (err == nil) != (c.parts == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range c.parts {
			if !strings.Contains(err.Error(), part) || ExitStatus(err) != WrongUsage {
				t.Errorf("%s: %v, without %q", name, err, part)
			}
		}
	}
}
