package payment

import (
	"context"
	"fmt"
	"time"
)

// otherModeFor is how long it is known which bookings of an event were paid in the other
// mode. This program makes no such payments; another node may, while an operator goes live.
const otherModeFor = time.Minute

// By the primary key; ids are below "~".
const sqlOtherMode = `SELECT booking_id FROM payments WHERE event_id = $1 COLLATE "C" AND id > $1 AND id < $2
	AND gateway <> '' AND test <> $3 AND amount > 0 AND ends_as = '' AND status IN ('captured', 'refunded')`

// otherMode are the bookings of an event that were paid in the other mode.
type otherMode struct {
	bookings map[string]bool
	at       time.Time
}

// OtherMode returns the bookings of an event that were paid in the other mode than this
// program's: with test money if it takes real money, and with real money otherwise. There
// are seldom any. All payments of the event are read once in a while. The map must not be
// changed.
func (s *Service) OtherMode(ctx context.Context, eventID string) (map[string]bool, error) {
	if known, ok := s.otherModes.Load(eventID); ok && s.now().Sub(known.(otherMode).at) < otherModeFor {
		return known.(otherMode).bookings, nil
	}
	found := otherMode{map[string]bool{}, s.now()}
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlOtherMode), eventID, eventID+"~", s.test)
	if err != nil {
		return nil, fmt.Errorf("list payments of the other mode: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list payments of the other mode: %w", err)
		}
		found.bookings[id] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list payments of the other mode: %w", err)
	}
	s.otherModes.Store(eventID, found)
	return found.bookings, nil
}
