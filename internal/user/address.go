package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/safetext"
	"boxoffice/internal/sqldb"
)

var malformedEmail = errs.Why("not-an-address", "is not an e-mail address")

// domains checks and normalizes domain names (UTS 46, non-transitional) and returns
// A-labels (RFC 5890).
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true), idna.StrictDomainName(true),
	idna.VerifyDNSLength(true), idna.Transitional(false))

// NormalEmail returns the form in which an e-mail address is stored and compared:
// lower case, the local part in NFC, the domain in A-labels. If the address is not
// valid, reason says why. The length limits are those of RFC 5321, section 4.5.3.1;
// quoted local parts and single-label domains are refused.
func NormalEmail(e string) (normal string, reason errs.Reason) {
	if e = strings.TrimSpace(e); e == "" {
		return "", errs.Why("required", "is required")
	}
	if len(e) > 254 {
		return "", errs.Why("address-too-long", "must have at most 254 bytes")
	}
	addr, err := mail.ParseAddress(e)
	local, host, _ := strings.Cut(e, "@")
	if err != nil || addr.Address != e || strings.ContainsAny(local, " \"(),:;<>[]\\") || strings.ContainsFunc(local, safetext.Invisible) {
		return "", malformedEmail
	}
	local = norm.NFC.String(strings.ToLower(norm.NFC.String(local)))
	host, err = domains.ToASCII(host)
	normal = local + "@" + host
	if err != nil || len(local) > 64 || !strings.Contains(host, ".") || strings.HasSuffix(host, ".") || len(normal) > 254 {
		return "", malformedEmail
	}
	return normal, errs.Reason{}
}

// emailSecret names the secret for the keys of addresses.
const emailSecret = "email"

// emailKey returns the key of an address: HMAC-SHA256 of its normal form, cut to 16
// bytes. Without the secret, nobody can find the address by trying candidates.
func (s *Service) emailKey(address string) (key caller.EmailKey) {
	if address == "" {
		return key
	}
	if !plainASCII(address) { // stored before addresses were normalized
		if normal, reason := NormalEmail(address); reason.None() {
			address = normal
		}
	}
	copy(key[:], s.keyed("", address))
	return key
}

// keyed returns a keyed hash of a text for one use.
func (s *Service) keyed(use, text string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	_, _ = mac.Write([]byte(use + text)) // a hash never fails
	return mac.Sum(nil)
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return true
}

// normalizeAddresses converts addresses stored before there was a normal form. If
// two accounts turn out to have the same address, the verified one gets it, or else
// the older one. The other keeps its old spelling, with which its owner still signs
// in, or, if it is unverified, remains one of the accounts that merely give this
// address. All of them count as the same person: see emailKey.
func (s *Service) normalizeAddresses(ctx context.Context) error {
	const upgrade = "normal addresses"
	var done int64
	if err := s.db.Reader().QueryRowContext(ctx, `SELECT count(*) FROM user_upgrades WHERE name = $1`, upgrade).Scan(&done); err != nil {
		return fmt.Errorf("normalize addresses: %w", err)
	}
	if done > 0 {
		return nil
	}
	odd, err := s.oddAddresses(ctx)
	if err != nil {
		return err
	}
	for _, o := range odd {
		normal, reason := NormalEmail(o.old)
		if !reason.None() || normal == o.old {
			continue // it cannot be normalized, or already is
		}
		err := s.db.Write(ctx, func(tx *sql.Tx) error {
			if o.column == "email" && o.verified {
				if err := freeAddress(ctx, tx, normal, o.id); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `UPDATE users SET `+o.column+` = $1 WHERE id = $2 AND `+o.column+` = $3`, normal, o.id, o.old)
			return err
		})
		if err != nil && !sqldb.Duplicate(err) {
			return fmt.Errorf("normalize addresses: %w", err)
		}
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO user_upgrades (name, done_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, upgrade, s.now().UnixMicro())
		return err
	})
}

// oddAddress is an address to be normalized, in one column of an account.
type oddAddress struct {
	id, column, old string
	verified        bool
}

// oddAddresses lists the addresses that are not plain ASCII, verified and older ones
// first. It reads the whole table once.
func (s *Service) oddAddresses(ctx context.Context) (odd []oddAddress, err error) {
	for _, column := range []string{"email", "guest_email", "contact"} {
		rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(`SELECT id, `+column+`, email_verified FROM users
			WHERE /*sqlite: `+column+` GLOB '*[^ -~]*' */ /*postgres: `+column+` ~ '[^ -~]' */ ORDER BY email_verified DESC, created_at, id`))
		if err != nil {
			return nil, fmt.Errorf("normalize addresses: %w", err)
		}
		for rows.Next() {
			o := oddAddress{column: column}
			if err := rows.Scan(&o.id, &o.old, &o.verified); err != nil {
				return nil, errors.Join(fmt.Errorf("normalize addresses: %w", err), rows.Close())
			}
			odd = append(odd, o)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("normalize addresses: %w", err)
		}
	}
	return odd, nil
}

// spellings returns the forms in which an account may have stored an address:
// normalized, and as it was typed, for accounts that kept their old spelling.
func spellings(given string) []string {
	typed := strings.ToLower(strings.TrimSpace(given))
	normal, reason := NormalEmail(given)
	switch {
	case !reason.None():
		return []string{typed}
	case typed == normal:
		return []string{normal}
	}
	return []string{typed, normal}
}
