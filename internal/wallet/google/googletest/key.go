// Package googletest makes key files like those of Google's service accounts, for tests.
package googletest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"boxoffice/internal/codec"
)

// Email names the service account.
const Email = "tickets@example.iam.gserviceaccount.com"

// KeyFile makes a key and writes its file to a temporary folder.
func KeyFile(t testing.TB) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := codec.Marshal(map[string]string{
		"type": "service_account", "client_email": Email, "private_key_id": "0123456789abcdef",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "google.json")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
