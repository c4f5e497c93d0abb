package webhook

import (
	"context"
	"database/sql"
	"maps"
	"time"

	"boxoffice/internal/webhookapi"
)

// rewindMost is how far back ledgers are read again: not so far that deliveries which the
// log has forgotten would be made anew.
const rewindMost = webhookapi.LogTime - 24*time.Hour

// rewind reads again what has happened since new endpoints were created, or others were
// changed: before this node saw that, entries were taken without them. Messages that are
// stored already stay as they are.
func (in *intake) rewind(ctx context.Context) error {
	in.mu.Lock()
	events := map[string]int64{}
	for id, owner := range in.owners {
		if since, ok := in.rewinds[owner]; ok {
			events[id] = since
		}
	}
	rewinds := in.rewinds
	in.rewinds = map[string]int64{}
	in.mu.Unlock()
	for id, since := range events {
		if err := in.rewindOne(ctx, id, since); err != nil {
			in.mu.Lock()
			maps.Copy(in.rewinds, rewinds) // from the beginning in the next round
			in.mu.Unlock()
			return err
		}
	}
	return nil
}

// rewindOne moves the cursor of an event back to before a time.
func (in *intake) rewindOne(ctx context.Context, eventID string, since int64) error {
	seen, _ := in.Cursor(eventID)
	to := seen
	for size := int64(1); to > 0; size = intakeAtOnce { // the first look shows that most events have nothing new
		from := max(0, to-size)
		page, err := in.s.bookings.Entries(ctx, eventID, from, int(to-from))
		if err != nil {
			return err
		}
		for to > from && to-from <= int64(len(page)) && page[to-from-1].At >= since {
			to--
		}
		if to > from {
			break
		}
	}
	if to == seen {
		return nil
	}
	in.mu.Lock()
	if c := in.cursors[eventID]; c != nil {
		c.seen = to
	}
	in.mu.Unlock()
	return in.follower.Look(ctx, []string{eventID})
}

// caughtUp notes that the ledgers were read again for endpoints that had missed something,
// unless the intake has forgotten its work meanwhile.
func (in *intake) caughtUp(ctx context.Context, missed map[string]int64, life int) error {
	in.mu.Lock()
	forgot := in.life != life
	in.mu.Unlock()
	if forgot {
		return nil
	}
	err := in.s.store.db.Write(ctx, func(tx *sql.Tx) error {
		for id, since := range missed {
			if _, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET missed_since = 0 WHERE id = $1 AND missed_since = $2`, id, since); err != nil { // primary key
				return err
			}
		}
		return nil
	})
	if err != nil {
		return wrapped("note that webhooks have missed nothing", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for id, since := range missed {
		in.made[id] = since
		if in.missed[id] == since {
			delete(in.missed, id)
		}
	}
	return nil
}
