// Package appletest makes certificates like those that Apple issues, for tests.
package appletest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What the pass certificate is for.
const (
	PassType = "pass.org.example.tickets"
	Team     = "A1B2C3D4E5"
)

// CA is a root, an authority below it, and the pass certificate that this has issued.
type CA struct {
	Root  *x509.Certificate
	Files struct{ Cert, Key, WWDR string }
}

// New makes certificates, with their files in a temporary folder. That of the pass lasts a
// year.
func New(t testing.TB) CA {
	t.Helper()
	now := time.Now()
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(0, 0, -2), NotAfter: now.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	var ca CA
	rootKey, root := issue(t, authority("Test Root"), nil, nil)
	wwdrKey, wwdr := issue(t, authority("Test Developer Relations"), root, rootKey)
	key, cert := issue(t, &x509.Certificate{
		Subject: pkix.Name{
			CommonName: "Pass Type ID: " + PassType, OrganizationalUnit: []string{Team}, Organization: []string{"Old Town Theatre"},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: PassType}},
		},
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
	}, wwdr, wwdrKey)
	ca.Root = root
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		to   *string
		name string
		body []byte
	}{
		{&ca.Files.Cert, "pass.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})},
		{&ca.Files.Key, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{&ca.Files.WWDR, "wwdr.cer", wwdr.Raw}, // as Apple offers it
	} {
		*f.to = filepath.Join(dir, f.name)
		if err := os.WriteFile(*f.to, f.body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca
}

// issue makes a key and its certificate; without an issuer it signs itself.
func issue(t testing.TB, c, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by, byKey = c, key
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, made
}
