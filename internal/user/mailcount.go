package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/caller"
)

// Limits for requesting mail, for each address and each of the purposes verify,
// reset and code. Anybody can request mail for an address, so each client has only a
// share of the allowance, and clients from which the owner of the address has signed
// in before have a share of their own, which strangers cannot use up. All counts are
// in the database, shared by all nodes.
const (
	mailHour    = time.Hour
	mailsAnHour = 10          // that strangers may ask for, together
	mailShare   = 4           // that one client may ask for
	mailPause   = time.Minute // between two mails of a purpose, except an account's first; for the owner's clients, between two of theirs
)

// mailCount holds the counts for an address, a purpose and a client.
type mailCount struct{ since, mails, mailedAt int64 }

// ask records a mail that a request asks for. If too many were mailed it does
// nothing, and what was mailed before stays valid. The caller calls kick afterwards.
func (s *Service) ask(ctx context.Context, tx *sql.Tx, kind, userID, address string, pause time.Duration) error {
	may, err := s.mayMail(ctx, tx, kind, address, pause)
	if err != nil || !may {
		return err
	}
	return s.promise(ctx, tx, kind, userID, address)
}

// asked is ask in a transaction of its own.
func (s *Service) asked(ctx context.Context, kind, userID, address string, pause time.Duration) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return s.ask(ctx, tx, kind, userID, address, pause) })
	s.kick()
	if err != nil {
		return fmt.Errorf("ask for a mail: %w", err)
	}
	return nil
}

// mayMail counts a mail, and returns false if there were too many. It behaves the
// same for addresses without an account.
func (s *Service) mayMail(ctx context.Context, tx *sql.Tx, purpose, address string, pause time.Duration) (bool, error) {
	network := caller.ClientFrom(ctx)
	var client []byte
	if network != "" {
		client = s.keyed("mail\x00", network)[:16]
	}
	known, err := s.ownersNetwork(ctx, tx, address, network)
	if err != nil {
		return false, err
	}
	counted := []struct {
		client []byte
		most   int64
		pause  time.Duration
	}{{[]byte{}, mailsAnHour, pause}, {client, mailShare, 0}}
	switch {
	case known:
		counted = counted[1:]
		counted[0].pause = pause
	case network == "":
		counted = counted[:1]
	}
	now, rows := s.now(), make([]mailCount, len(counted))
	for i, c := range counted {
		if rows[i], err = s.readCount(ctx, tx, purpose, address, c.client); err != nil {
			return false, err
		}
		if rows[i].mails >= c.most || now.Sub(time.UnixMicro(rows[i].mailedAt)) < c.pause {
			return false, nil
		}
	}
	key := s.emailKey(address)
	for i, c := range counted {
		if _, err := tx.ExecContext(ctx, `UPDATE mail_counts SET since = $1, mails = $2, mailed_at = $3 WHERE email_key = $4 AND purpose = $5 AND client = $6`,
			rows[i].since, rows[i].mails+1, now.UnixMicro(), key[:], purpose, c.client); err != nil { // primary key
			return false, err
		}
	}
	return true, nil
}

// readCount reads a row for a change, and creates it if needed.
func (s *Service) readCount(ctx context.Context, tx *sql.Tx, purpose, address string, client []byte) (c mailCount, err error) {
	key, now := s.emailKey(address), s.now()
	if _, err = tx.ExecContext(ctx, `INSERT INTO mail_counts (email_key, purpose, client, since, mails, mailed_at) VALUES ($1, $2, $3, $4, 0, 0)
		ON CONFLICT (email_key, purpose, client) DO NOTHING`, key[:], purpose, client, now.UnixMicro()); err != nil {
		return c, err
	}
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT since, mails, mailed_at FROM mail_counts
		WHERE email_key = $1 AND purpose = $2 AND client = $3 /*postgres: FOR UPDATE*/`), key[:], purpose, client) // primary key
	if err = row.Scan(&c.since, &c.mails, &c.mailedAt); err != nil {
		return c, err
	}
	if now.Sub(time.UnixMicro(c.since)) >= mailHour {
		c.since, c.mails = now.UnixMicro(), 0
	}
	return c, nil
}

// ownersNetwork reports whether the verified owner of an address has signed in from
// a network before.
func (s *Service) ownersNetwork(ctx context.Context, tx *sql.Tx, address, network string) (known bool, err error) {
	for _, where := range []string{`email = $1 AND email_verified`, `guest_email = $1`} {
		owner := "nobody"
		err := tx.QueryRowContext(ctx, `SELECT id FROM users WHERE `+where, address).Scan(&owner) // unique indexes
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return false, err
		}
		one, err := s.readNetwork(ctx, tx, owner, network)
		if err != nil {
			return false, err
		}
		known = known || one
	}
	return known, nil
}

// mayAskAgain allows the next mail of a purpose at once, because the secret in the
// last one was used.
func (s *Service) mayAskAgain(ctx context.Context, tx *sql.Tx, purpose, address string) error {
	key := s.emailKey(address)
	_, err := tx.ExecContext(ctx, `UPDATE mail_counts SET mailed_at = 0 WHERE email_key = $1 AND purpose = $2`, key[:], purpose) // primary key
	return err
}
