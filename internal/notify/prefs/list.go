package prefs

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"fmt"
	"strings"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// List is the list of what people do not want. It is safe for concurrent use.
type List struct {
	db  *sqldb.DB
	key []byte
	url string // with which links begin
}

// Open migrates the table and opens the list. Links begin with publicURL.
func Open(ctx context.Context, db *sqldb.DB, publicURL string) (*List, error) {
	if err := db.Migrate(ctx, "preferences", migrations); err != nil {
		return nil, err
	}
	key, err := signing.Secret(ctx, db, "unsubscribe", db.Now)
	if err != nil {
		return nil, err
	}
	return &List{db: db, key: key, url: publicURL}, nil
}

const house = "-" // the organizer_id of events of the house

// organizerKey returns the organizer_id of an organizer.
func organizerKey(id string) string {
	if id == "" {
		return house
	}
	return id
}

// organizerID is the opposite of organizerKey.
func organizerID(key string) string { return strings.TrimPrefix(key, house) }

// sum is a keyed hash for one purpose.
func (l *List) sum(purpose, text string) []byte {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(purpose + ":" + text))
	return mac.Sum(nil)[:16]
}

// hash stands for an address, however it is spelled.
func (l *List) hash(address string) []byte {
	address = strings.TrimSpace(address)
	if known, err := mail.Recipient(address); err == nil {
		address = known
	}
	return l.sum("address", strings.ToLower(address))
}

func text(hash []byte) string { return base64.RawURLEncoding.EncodeToString(hash) }

// Unwanted returns which of some addresses do not want an organizer's mails of a topic.
// It reads them in one statement.
func (l *List) Unwanted(ctx context.Context, topic notifyapi.Topic, organizer string, addresses []string) (map[string]bool, error) {
	hashes := make([]string, len(addresses))
	for i, a := range addresses {
		hashes[i] = text(l.hash(a))
	}
	among, arg, err := l.db.Among(hashes)
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	off, err := sqldb.Texts(ctx, l.db.Reader(), `SELECT address FROM unwanted_mails WHERE address `+among+` AND topic = $2 AND organizer_id IN ('', $3)`,
		arg, string(topic), organizerKey(organizer)) // by primary key
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	there := make(map[string]bool, len(off))
	for _, hash := range off {
		there[hash] = true
	}
	out := map[string]bool{}
	for i, a := range addresses {
		if there[hashes[i]] {
			out[a] = true
		}
	}
	return out, nil
}

// line is a row of the table.
type line struct {
	topic     notifyapi.Topic
	organizer string // its organizer_id
}

// of returns what an address does not want, oldest first.
func (l *List) of(ctx context.Context, q sqldb.Querier, hash []byte) (list []line, err error) {
	rows, err := q.QueryContext(ctx, `SELECT topic, organizer_id FROM unwanted_mails WHERE address = $1 ORDER BY at, topic, organizer_id`, text(hash)) // by primary key
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var one line
		if err := rows.Scan(&one.topic, &one.organizer); err != nil {
			return nil, fmt.Errorf("read preferences: %w", err)
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// set adds lines of an address, or removes them.
func (l *List) set(ctx context.Context, tx *sql.Tx, hash []byte, unwanted bool, lines ...line) error {
	for _, one := range lines {
		query, args := `DELETE FROM unwanted_mails WHERE address = $1 AND topic = $2 AND organizer_id = $3`, []any{text(hash), string(one.topic), one.organizer}
		if unwanted {
			query = `INSERT INTO unwanted_mails (address, topic, organizer_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
			args = append(args, l.db.Now().UnixMicro())
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}
