package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/errs"
)

// A code proves that somebody reads an address. There is one code for each address,
// whoever asks for it: all accounts that give the address accept it. So mails and wrong
// codes are counted for each address, in the database, and somebody who uses up the
// allowance of mails (see mayMail) leaves a valid code in the mailbox.
//
// A code has 45 random bits. Wrong codes are counted for each address: in two hours,
// which touch at most three hourly counts, 60,000 can be tried from any number of
// clients, with a chance of success of 60,000 / 2^45, less than two in a billion. Even
// without that count, a thousand client addresses, each with its burst of thirty
// attempts and thirty more a minute (3.6 million in two hours), would have a chance of
// one in ten million. The count is this generous so that a stranger cannot easily use it
// up.
const (
	codeLen     = 9 // characters of five bits
	codeLife    = time.Hour
	codeLeft    = 10 * time.Minute // a code with less left is not mailed again
	triesAnHour = 20_000
	mailboxLife = 24 * time.Hour
)

// codeText is how codes are written: Crockford's base 32.
var codeText = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// mailbox is the state of an address.
type mailbox struct {
	since, tries, codeAt int64
	nonce                []byte
}

// readMailbox reads an address's row for a change, and creates it if needed. The
// columns mails and mailed_at are no longer used (see mailcount.go), but they have
// no default, and earlier versions running at the same time read them.
func (s *Service) readMailbox(ctx context.Context, tx *sql.Tx, address string) (m mailbox, err error) {
	key, now := s.emailKey(address), s.now()
	if _, err = tx.ExecContext(ctx, `INSERT INTO mailboxes (email_key, since, mails, tries, mailed_at, code_at, nonce)
		VALUES ($1, $2, 0, 0, 0, 0, $3) ON CONFLICT (email_key) DO NOTHING`, key[:], now.UnixMicro(), []byte{}); err != nil {
		return m, err
	}
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT since, tries, code_at, nonce FROM mailboxes WHERE email_key = $1 /*postgres: FOR UPDATE*/`), key[:])
	if err = row.Scan(&m.since, &m.tries, &m.codeAt, &m.nonce); err != nil {
		return m, err
	}
	if m.nonce == nil { // how an empty one may be read
		m.nonce = []byte{}
	}
	if now.Sub(time.UnixMicro(m.since)) >= mailHour {
		m.since, m.tries = now.UnixMicro(), 0
	}
	return m, nil
}

func (s *Service) writeMailbox(ctx context.Context, tx *sql.Tx, address string, m *mailbox) error {
	key := s.emailKey(address)
	_, err := tx.ExecContext(ctx, `UPDATE mailboxes SET since = $1, tries = $2, code_at = $3, nonce = $4 WHERE email_key = $5`,
		m.since, m.tries, m.codeAt, m.nonce, key[:])
	return err
}

// issueCode returns the code to be mailed to an address, and how long it stays
// valid.
func (s *Service) issueCode(ctx context.Context, address string) (code string, left time.Duration, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		m, err := s.readMailbox(ctx, tx, address)
		if err != nil {
			return err
		}
		code, left = s.renewCode(&m, address)
		return s.writeMailbox(ctx, tx, address, &m)
	})
	return code, left, err
}

// renewCode returns the code of an address: a new one if the old one expires soon.
func (s *Service) renewCode(m *mailbox, address string) (code string, left time.Duration) {
	now := s.now()
	if left = codeLife - now.Sub(time.UnixMicro(m.codeAt)); left < codeLeft {
		m.nonce, m.codeAt, left = make([]byte, 16), now.UnixMicro(), codeLife
		_, _ = rand.Read(m.nonce) // never fails, see crypto/rand
	}
	return s.codeOf(m, address), left
}

func (s *Service) codeOf(m *mailbox, address string) string {
	key := s.emailKey(address)
	text := codeText.EncodeToString(s.keyed("code\x00", string(key[:])+string(m.nonce)))
	return text[:codeLen]
}

// grouped formats a code for people.
func grouped(code string) string { return code[:3] + "-" + code[3:6] + "-" + code[6:] }

// typed corrects common typing errors in a code.
func typed(code string) string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(code)))
}

// checkCode refuses a code that does not belong to the address, and counts it.
func (s *Service) checkCode(ctx context.Context, address, code string) error {
	var verdict error
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		verdict = nil
		m, err := s.readMailbox(ctx, tx, address)
		now := s.now()
		switch {
		case err != nil:
			return err
		case m.codeAt == 0 || now.Sub(time.UnixMicro(m.codeAt)) >= codeLife:
			verdict = errs.New(errs.Conflict, "code-expired", "This code has expired. Request a new one.")
			return nil
		case m.tries >= triesAnHour:
			verdict = errs.New(errs.TooMany, "too-many-attempts", "Too many wrong codes. Please try again later.").After(mailHour - now.Sub(time.UnixMicro(m.since)))
			return nil
		case subtle.ConstantTimeCompare([]byte(s.codeOf(&m, address)), []byte(typed(code))) == 1:
			return nil
		}
		verdict = errs.Bad("code", "wrong-mailed-code", "is not the one that was mailed")
		m.tries++
		return s.writeMailbox(ctx, tx, address, &m)
	})
	if err != nil {
		return fmt.Errorf("check code: %w", err)
	}
	return verdict
}

// useCode invalidates an address's code.
func (s *Service) useCode(ctx context.Context, tx *sql.Tx, address string) error {
	m, err := s.readMailbox(ctx, tx, address)
	if err != nil {
		return err
	}
	m.codeAt, m.nonce = 0, []byte{}
	if err := s.writeMailbox(ctx, tx, address, &m); err != nil {
		return err
	}
	return s.mayAskAgain(ctx, tx, mailCode, address)
}
