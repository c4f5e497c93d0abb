package ticket

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"boxoffice/internal/codec"
)

// keyIDLen is the length of a key's id in bytes: the beginning of its SHA-256
// thumbprint (RFC 7638).
const keyIDLen = 4

type keyID [keyIDLen]byte

func (k keyID) String() string { return hex.EncodeToString(k[:]) }

// Signer signs tickets. Its copies share their key.
type Signer struct{ now *atomic.Pointer[signingKey] }

// signingKey is a signer's current key, and all keys that it ever used.
type signingKey struct {
	key  ed25519.PrivateKey
	id   keyID
	all  []ed25519.PrivateKey
	keys Keys
}

// NewSigner signs with the last of the keys, the newest. There must be at least one.
func NewSigner(keys []ed25519.PrivateKey) (Signer, error) {
	s := Signer{&atomic.Pointer[signingKey]{}}
	return s, s.Renew(keys)
}

// Renew makes the signer, and all its copies, sign with the last of the given keys.
func (s Signer) Renew(keys []ed25519.PrivateKey) error {
	if len(keys) == 0 {
		return errors.New("tickets: no key to sign with")
	}
	public := make([]ed25519.PublicKey, len(keys))
	for i, k := range keys {
		public[i] = k.Public().(ed25519.PublicKey)
	}
	newest := len(keys) - 1
	s.now.Store(&signingKey{key: keys[newest], id: thumbprint(public[newest]), all: slices.Clone(keys), keys: NewKeys(public...)})
	return nil
}

// Keys returns the public keys of all the signer's keys, including old ones.
func (s Signer) Keys() Keys { return s.now.Load().keys }

// Keys are public keys for verifying tickets.
type Keys struct{ keys []publicKey }

type publicKey struct {
	id  keyID
	key ed25519.PublicKey
}

// NewKeys makes Keys from public keys.
func NewKeys(public ...ed25519.PublicKey) Keys {
	var k Keys
	for _, p := range public {
		k.keys = append(k.keys, publicKey{thumbprint(p), p})
	}
	return k
}

func (k Keys) find(id []byte) (ed25519.PublicKey, bool) {
	for _, p := range k.keys {
		if bytes.Equal(p.id[:], id) {
			return p.key, true
		}
	}
	return nil, false
}

// jwk is an Ed25519 public key as RFC 8037 writes it.
type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	ID        string `json:"kid"` // hex of the 4 bytes in a token
	Algorithm string `json:"alg,omitempty"`
	Use       string `json:"use,omitempty"`
	X         string `json:"x"` // base64url of the 32 bytes
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// Document returns the keys as a JWK set (RFC 7517, RFC 8037), the newest first. It
// is public, and contains all that is needed to verify tickets.
func (k Keys) Document() []byte {
	set := jwks{Keys: []jwk{}}
	for i := range k.keys {
		p := k.keys[len(k.keys)-1-i]
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", p.id.String(), "EdDSA", "sig", base64.RawURLEncoding.EncodeToString(p.key)})
	}
	doc, err := codec.Indent(set)
	if err != nil {
		panic(err) // strings only
	}
	return append(doc, '\n')
}

// ParseKeys parses a key document. Keys of other types are ignored; an invalid key,
// or a document without a usable key, is an error.
func ParseKeys(document []byte) (Keys, error) {
	var set jwks
	if err := codec.ReadKnown(document, &set); err != nil {
		return Keys{}, fmt.Errorf("document of keys: %w", err)
	}
	var public []ed25519.PublicKey
	for i := range set.Keys {
		j := set.Keys[len(set.Keys)-1-i]
		if j.Type != "OKP" || j.Curve != "Ed25519" {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(j.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return Keys{}, fmt.Errorf("document of keys: key %q: x is not %d bytes of base64url", j.ID, ed25519.PublicKeySize)
		}
		if id := thumbprint(x); j.ID != id.String() {
			return Keys{}, fmt.Errorf("document of keys: key %q should be called %q", j.ID, id)
		}
		public = append(public, x)
	}
	if len(public) == 0 {
		return Keys{}, errors.New("document of keys: no Ed25519 key in it")
	}
	return NewKeys(public...), nil
}

// thumbprint derives a key's id from the key itself, so that ids need not be
// assigned (RFC 8037, A.3).
func thumbprint(p ed25519.PublicKey) keyID {
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"Ed25519","kty":"OKP","x":%q}`, base64.RawURLEncoding.EncodeToString(p)))
	return keyID(sum[:keyIDLen])
}
