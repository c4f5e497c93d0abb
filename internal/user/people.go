package user

import (
	"context"
	"encoding/json"
	"fmt"

	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
)

// People are the names and addresses of accounts, by id; unknown ones are left
// out.
func (s *Service) People(ctx context.Context, ids []string) (map[string]message.Person, error) {
	// By primary key, and one statement for however many there are.
	among, arg := `= ANY (CAST($1 AS TEXT[]))`, any(ids)
	if s.db.Dialect() == sqldb.SQLite {
		raw, err := json.Marshal(ids)
		if err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		among, arg = `IN (SELECT value FROM json_each($1))`, string(raw)
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id, name, coalesce(email, ''), contact FROM users WHERE id `+among, arg)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	out := make(map[string]message.Person, len(ids))
	for rows.Next() {
		var userID, contact string
		var p message.Person
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

// peopleAtMost is how many accounts may give the same address: most of them have
// not shown that it is theirs.
const peopleAtMost = 200

// ByEmail are the ids of the accounts with an e-mail address, confirmed or not.
func (s *Service) ByEmail(ctx context.Context, email string) ([]string, error) {
	email = spellings(email)[len(spellings(email))-1]
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id FROM users WHERE email = $1 OR guest_email = $1 OR contact = $1
		ORDER BY email_verified DESC, id LIMIT $2`, email, peopleAtMost) // unique indexes, users_by_contact
	if err != nil {
		return nil, fmt.Errorf("find people: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var userID string
		if err := rows.Scan(&userID); err != nil {
			return nil, fmt.Errorf("find people: %w", err)
		}
		out = append(out, userID)
	}
	return out, rows.Err()
}
