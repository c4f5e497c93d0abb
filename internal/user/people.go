package user

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/internal/message"
)

// peopleAtOnce is how many accounts are looked up with one statement.
const peopleAtOnce = 500

// People are the names and addresses of accounts, by id; unknown ones are left
// out.
func (s *Service) People(ctx context.Context, ids []string) (map[string]message.Person, error) {
	out := make(map[string]message.Person, len(ids))
	for len(ids) > 0 {
		some := ids[:min(len(ids), peopleAtOnce)]
		ids = ids[len(some):]
		holes, args := make([]string, len(some)), make([]any, len(some))
		for i, userID := range some {
			holes[i], args[i] = "$"+strconv.Itoa(i+1), userID
		}
		rows, err := s.db.Reader().QueryContext(ctx, `SELECT id, name, coalesce(email, ''), contact FROM users
			WHERE id IN (`+strings.Join(holes, ", ")+`)`, args...) // primary key
		if err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		for rows.Next() {
			var userID, contact string
			var p message.Person
			if err := rows.Scan(&userID, &p.Name, &p.Email, &contact); err != nil {
				return nil, errors.Join(fmt.Errorf("read people: %w", err), rows.Close())
			}
			if p.Email == "" {
				p.Email = contact
			}
			out[userID] = p
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
	}
	return out, nil
}

// ByEmail are the ids of the accounts with an e-mail address: a customer's, or a
// guest's who has confirmed it.
func (s *Service) ByEmail(ctx context.Context, email string) ([]string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT id FROM users WHERE email = $1 OR guest_email = $1`, email) // their unique indexes
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
