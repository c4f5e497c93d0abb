package user

import (
	"context"
	"encoding/json"
	"fmt"

	"boxoffice/internal/caller"
	"boxoffice/internal/sqldb"
)

// People are the names and addresses of accounts, by id; unknown ones are left
// out.
func (s *Service) People(ctx context.Context, ids []string) (map[string]caller.Person, error) {
	among, arg, err := s.among(ids) // by primary key
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id, name, coalesce(email, ''), contact FROM users WHERE id `+among, arg)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	out := make(map[string]caller.Person, len(ids))
	for rows.Next() {
		var userID, contact string
		var p caller.Person
		if err := rows.Scan(&userID, &p.Name, &p.Email, &contact); err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		if p.Email == "" {
			p.Email = contact
		}
		out[userID] = p
	}
	return out, rows.Err()
}

// among is the condition that a column is one of some ids, and its argument: one
// statement for however many there are.
func (s *Service) among(ids []string) (where string, arg any, err error) {
	if s.db.Dialect() != sqldb.SQLite {
		return `= ANY (CAST($1 AS TEXT[]))`, ids, nil
	}
	raw, err := json.Marshal(ids)
	return `IN (SELECT value FROM json_each($1))`, string(raw), err
}

// peopleAtMost is how many accounts may give the same address: most of them have
// not shown that it is theirs.
const peopleAtMost = 200

// ByEmail are the ids of the accounts with an e-mail address, confirmed or not.
func (s *Service) ByEmail(ctx context.Context, email string) ([]string, error) {
	email = spellings(email)[len(spellings(email))-1]
	return s.ids(ctx, `SELECT id FROM users WHERE email = $1 OR guest_email = $1 OR contact = $1
		ORDER BY email_verified DESC, id LIMIT $2`, email, peopleAtMost) // unique indexes, users_by_contact
}
