package booking

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// Checkpoint is a signed statement of the last entry of an event's ledger. Whoever
// has one can prove it if the ledger up to there is rewritten later. Signature is
// Ed25519 (RFC 8032) over Statement().
type Checkpoint struct {
	EventID   string `json:"event_id"`
	Seq       int64  `json:"seq"`
	Hash      string `json:"hash" doc:"Hash of the entry at seq: SHA-256, in hexadecimal."`
	At        int64  `json:"at" doc:"When the checkpoint was signed, in microseconds since 1970-01-01T00:00:00 UTC."`
	PublicKey string `json:"public_key" doc:"Ed25519 public key that verifies the signature, in hexadecimal."`
	Signature string `json:"signature" doc:"Ed25519 signature, in hexadecimal. What is signed is the RFC 8785 JSON of an object with event_id, seq, hash and at."`
}

// Statement is what is signed: RFC 8785 JSON of at, event_id, hash and seq.
func (c Checkpoint) Statement() []byte {
	b := fmt.Appendf(nil, `{"at":%d,"event_id":`, c.At)
	b = ledger.AppendJSONString(b, c.EventID)
	b = append(b, `,"hash":`...)
	b = ledger.AppendJSONString(b, c.Hash)
	return fmt.Appendf(b, `,"seq":%d}`, c.Seq)
}

// Checkpoint signs the current last entry of an event's ledger.
func (s *Service) Checkpoint(ctx context.Context, eventID string) (Checkpoint, error) {
	c := Checkpoint{EventID: eventID, At: s.now().UnixMicro(), PublicKey: hex.EncodeToString(s.key.Public().(ed25519.PublicKey))}
	var hash []byte
	err := s.db.Reader().QueryRowContext(ctx, `SELECT seq, hash FROM sales WHERE event_id = $1`, eventID).Scan(&c.Seq, &hash)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, errs.Missing("event")
	case err != nil:
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	c.Hash = hex.EncodeToString(hash)
	c.Signature = hex.EncodeToString(ed25519.Sign(s.key, c.Statement()))
	return c, nil
}

func hexHash(h [32]byte) string { return hex.EncodeToString(h[:]) }
