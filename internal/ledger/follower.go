package ledger

import "context"

// Source reads ledgers.
type Source interface {
	// Heads is the seq of the last entry of each of these events, or of all if
	// eventIDs is nil. Events without a ledger are left out.
	Heads(ctx context.Context, eventIDs []string) (map[string]int64, error)
	// Entries are up to limit entries of an event after a seq, in order.
	Entries(ctx context.Context, eventID string, after int64, limit int) ([]Entry, error)
}
