package google

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"boxoffice/internal/codec"
)

// Account is a service account that may issue passes.
type Account struct {
	Issuer string // identifier in Google's Pay & Wallet Console

	email string
	key   *rsa.PrivateKey
}

// Load reads the key file of a service account, as Google Cloud offers it (JSON).
func Load(name, issuer string) (*Account, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file struct {
		Type       string `json:"type"`
		Email      string `json:"client_email"`
		PrivateKey string `json:"private_key"`
	}
	if err := codec.ReadKnown(raw, &file); err != nil {
		return nil, errors.New(name + " is not JSON: it must be the key file of a service account") // without what is in it
	}
	if file.Type != "service_account" || !strings.Contains(file.Email, "@") {
		return nil, errors.New(name + " is not the key file of a service account: type must be service_account, with a client_email")
	}
	block, _ := pem.Decode([]byte(file.PrivateKey))
	if block == nil {
		return nil, errors.New(name + ": private_key is no key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New(name + ": private_key is damaged, or not an RSA key")
	}
	if bits := private.N.BitLen(); bits < 2048 {
		return nil, fmt.Errorf("%s: private_key has %d bits; Google's have 2048", name, bits)
	}
	return &Account{Issuer: issuer, email: file.Email, key: private}, nil
}
