package apple

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Files are the files with the certificates, in PEM, or in DER as Apple offers them.
type Files struct{ Cert, Key, WWDR string }

// File names one of Files.
type File int

// The files.
const (
	Cert File = iota // the pass certificate
	Key              // its private key
	WWDR             // the certificate of the authority that has issued it
)

// Fault is why a file cannot be used.
type Fault struct {
	File File
	Err  error
}

func (f Fault) Error() string { return f.Err.Error() }

func (f Fault) Unwrap() error { return f.Err }

func fault(file File, format string, args ...any) error {
	return Fault{file, fmt.Errorf(format, args...)}
}

// Identity signs passes and notifications.
type Identity struct {
	PassType string // pass type identifier, such as pass.org.example.tickets
	Team     string // identifier of the developer team

	cert *x509.Certificate
	key  crypto.Signer
	wwdr *x509.Certificate
}

// soon is how long before a certificate ends warnings begin.
const soon = 30 * 24 * time.Hour

// uid is the attribute of a pass certificate's subject that holds the pass type
// identifier.
var uid = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}

// Load reads the files and checks that they belong together. The pass type and the team
// are those of the certificate's subject (UID and OU). Errors are Faults.
func Load(files Files, now time.Time) (*Identity, error) {
	var id Identity
	var err error
	if id.cert, err = readCertificate(Cert, files.Cert); err != nil {
		return nil, err
	}
	if id.wwdr, err = readCertificate(WWDR, files.WWDR); err != nil {
		return nil, err
	}
	if id.key, err = readKey(files.Key); err != nil {
		return nil, err
	}
	for _, name := range id.cert.Subject.Names {
		if text, ok := name.Value.(string); ok && name.Type.Equal(uid) {
			id.PassType = text
		}
	}
	if !strings.HasPrefix(id.PassType, "pass.") || len(id.cert.Subject.OrganizationalUnit) == 0 {
		return nil, fault(Cert, "it is no pass certificate: its subject lacks a pass type identifier (UID pass.…) or a team (OU); Apple issues it under Identifiers, Pass Type IDs")
	}
	id.Team = id.cert.Subject.OrganizationalUnit[0]
	if public, ok := id.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(id.cert.PublicKey) {
		return nil, fault(Key, "it is not the key of the certificate of %s", id.PassType)
	}
	if err := id.cert.CheckSignatureFrom(id.wwdr); err != nil {
		return nil, fault(WWDR, "the pass certificate was issued by %q, and this is the certificate of %q", id.cert.Issuer.CommonName, id.wwdr.Subject.CommonName)
	}
	if err := valid(Cert, id.cert, now); err != nil {
		return nil, err
	}
	return &id, valid(WWDR, id.wwdr, now)
}

func valid(file File, c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fault(file, "the certificate ended on %s", c.NotAfter.Format(time.DateOnly))
	case now.Before(c.NotBefore):
		return fault(file, "the certificate begins on %s only", c.NotBefore.Format(time.DateOnly))
	}
	return nil
}

func readCertificate(file File, name string) (*x509.Certificate, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, Fault{file, err}
	}
	der := raw
	if block := firstBlock(raw, func(kind string) bool { return kind == "CERTIFICATE" }); block != nil {
		der = block.Bytes
	} else if bytes.Contains(raw, []byte("-----BEGIN")) {
		return nil, fault(file, "%s has no certificate (BEGIN CERTIFICATE)", name)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault(file, "%s is not a certificate in PEM or DER: %w%s", name, err, hint(name))
	}
	return c, nil
}

func readKey(name string) (crypto.Signer, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, Fault{Key, err}
	}
	block := firstBlock(raw, func(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") })
	switch {
	case block == nil:
		return nil, fault(Key, "%s has no private key in PEM (BEGIN PRIVATE KEY)%s", name, hint(name))
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fault(Key, "the key in %s is encrypted; decrypt it with: openssl pkey -in %s -out key.pem", name, name)
	}
	var key any
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, Fault{Key, errors.New("the private key in " + name + " is damaged")} // without what is in it
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	}
	return nil, fault(Key, "the key in %s is neither RSA nor ECDSA", name)
}

// hint explains how a file of a keychain becomes one of PEM.
func hint(name string) string {
	if strings.HasSuffix(name, ".p12") || strings.HasSuffix(name, ".pfx") {
		return "; convert it with: openssl pkcs12 -in " + name + " -nodes -out pass.pem"
	}
	return ""
}

func firstBlock(raw []byte, is func(kind string) bool) *pem.Block {
	for {
		block, rest := pem.Decode(raw)
		if block == nil || is(block.Type) {
			return block
		}
		raw = rest
	}
}

// Ends is when the first of the certificates ends.
func (id *Identity) Ends() time.Time {
	if id.wwdr.NotAfter.Before(id.cert.NotAfter) {
		return id.wwdr.NotAfter
	}
	return id.cert.NotAfter
}

// Warning says that a certificate has ended or will soon; "": it will not.
func (id *Identity) Warning(now time.Time) string {
	switch end := id.Ends(); {
	case now.After(end):
		return fmt.Sprintf("The certificates for Apple Wallet ended on %s: no pass is made or updated until they are replaced (--apple-pass-cert, --apple-wwdr).", end.Format(time.DateOnly))
	case now.Add(soon).After(end):
		return fmt.Sprintf("The certificates for Apple Wallet end on %s: replace them before (--apple-pass-cert, --apple-wwdr).", end.Format(time.DateOnly))
	}
	return ""
}

// client is the certificate with which the service speaks to APNs.
func (id *Identity) client() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{id.cert.Raw, id.wwdr.Raw}, PrivateKey: id.key, Leaf: id.cert}
}
