package user

import (
	"context"
	"fmt"

	"boxoffice/internal/caller"
)

// People returns the names, addresses, languages and mobile numbers of accounts, by id;
// unknown ids are left out.
func (s *Service) People(ctx context.Context, ids []string) (map[string]caller.Person, error) {
	among, arg, err := s.db.Among(ids) // by primary key
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id, name, coalesce(email, ''), contact, lang, phone FROM users WHERE id `+among, arg)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	out := make(map[string]caller.Person, len(ids))
	for rows.Next() {
		var userID, contact string
		var p caller.Person
		if err := rows.Scan(&userID, &p.Name, &p.Email, &contact, &p.Lang, &p.Phone); err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		if p.Email == "" {
			p.Email = contact
		}
		out[userID] = p
	}
	return out, rows.Err()
}

// peopleAtMost limits how many accounts with the same address are read; most of them
// have not verified it.
const peopleAtMost = 200

// ByEmail returns the ids of the accounts with an e-mail address, verified or not.
func (s *Service) ByEmail(ctx context.Context, email string) ([]string, error) {
	email = spellings(email)[len(spellings(email))-1]
	return s.ids(ctx, `SELECT id FROM users WHERE email = $1 OR guest_email = $1 OR contact = $1
		ORDER BY email_verified DESC, id LIMIT $2`, email, peopleAtMost) // unique indexes, users_by_contact
}
