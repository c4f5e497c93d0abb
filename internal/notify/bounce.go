package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
)

// messageIDs makes the Message-IDs of mails, and finds the notices of those that come
// back: a Message-ID names the notice, and is signed. Only those who have had the mail
// know it, so nobody else can report it as undeliverable.
type messageIDs struct{ key []byte }

func openMessageIDs(ctx context.Context, db *sqldb.DB) (messageIDs, error) {
	key, err := signing.Secret(ctx, db, "message ids", db.Now)
	return messageIDs{key}, err
}

// longestID is the length up to which a Message-ID has a notice's ID: with both in the
// header it still fits on a line.
const longestID = 150

// of returns the part before the at sign for a notice; "" for one with a long ID, which
// gets another kind of Message-ID.
func (m messageIDs) of(noticeID string) string {
	if len(noticeID) > longestID {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(noticeID)) + "." + m.signature(noticeID)
}

func (m messageIDs) signature(noticeID string) string {
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(noticeID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}

// notice returns the ID of the notice that a Message-ID names.
func (m messageIDs) notice(messageID string) (string, bool) {
	local, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(messageID), "<>"), "@")
	id, signature, ok := strings.Cut(local, ".")
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if !ok || err != nil || !hmac.Equal([]byte(signature), []byte(m.signature(string(raw)))) {
		return "", false
	}
	return string(raw), true
}

const (
	// By primary key.
	sqlBounced = `UPDATE notices SET state = $1, answer = $2, done_at = $3 WHERE id = $4 AND state = 'sent'`

	// By notices_bounced.
	sqlDead = `SELECT DISTINCT recipient FROM notices WHERE state = 'bounced' AND recipient <> '' AND recipient `
)

// Bounced records that mails which a server had taken came back, and returns how many: as
// bounced if nobody has the address, otherwise as failed. What was reported before, or
// names no mail of this site, changes nothing.
func (l *Log) Bounced(ctx context.Context, list []notifyapi.Bounce, now time.Time) (n int64, err error) {
	err = l.db.Write(ctx, func(tx *sql.Tx) error {
		n = 0
		for _, b := range list {
			id, ok := l.ids.notice(b.MessageID)
			if !ok {
				continue
			}
			state := failed
			if mail.Dead(b.Status) {
				state = bounced
			}
			answer := strings.TrimSpace(b.Answer)
			if !strings.Contains(answer, b.Status) || answer == "" {
				answer = strings.TrimSpace(b.Status + " " + answer)
			}
			res, err := tx.ExecContext(ctx, sqlBounced, state, storable(answer), micros(now), id)
			if err != nil {
				return err
			}
			one, err := res.RowsAffected()
			if err != nil {
				return err
			}
			n += one
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("bounces: %w", err)
	}
	return n, nil
}

// dead returns those of some addresses from which a mail has bounced within the time
// that the log goes back.
func (s store) dead(ctx context.Context, addresses []string) (map[string]bool, error) {
	among, arg, err := s.db.Among(addresses)
	if err != nil {
		return nil, err
	}
	list, err := sqldb.Texts(ctx, s.db.Reader(), sqlDead+among, arg)
	if err != nil {
		return nil, fmt.Errorf("bounced addresses: %w", err)
	}
	out := make(map[string]bool, len(list))
	for _, address := range list {
		out[address] = true
	}
	return out, nil
}
