package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"boxoffice/internal/webhookapi"
)

// Which endpoints get a message is read in the transaction that stores it. Until it ends, no
// endpoint of the organizer is made, changed or switched on. So what happens after such a
// change was answered is told accordingly, by whichever node and however long ago that node
// looked at the endpoints.

// receivers are endpoints by organizer.
type receivers map[string][]endpoint

// lockEndpoints makes transactions about the endpoints of an organizer wait for each other.
func (s store) lockEndpoints(ctx context.Context, tx *sql.Tx, organizerID string) error {
	return s.db.Lock(ctx, tx, "webhooks/"+organizerID)
}

// receivers reads the endpoints of organizers, and keeps them as they are until the
// transaction ends.
func (s store) receivers(ctx context.Context, tx *sql.Tx, organizerIDs map[string]bool) (receivers, error) {
	if len(organizerIDs) == 0 {
		return nil, nil
	}
	ids := slices.Sorted(maps.Keys(organizerIDs)) // two transactions that lock in the same order never wait for each other
	for _, id := range ids {
		if err := s.lockEndpoints(ctx, tx, id); err != nil {
			return nil, fmt.Errorf("lock webhooks: %w", err)
		}
	}
	among, arg, err := s.db.Among(ids)
	if err != nil {
		return nil, err
	}
	list, err := s.endpointsWhere(ctx, tx, ` WHERE organizer_id `+among+` ORDER BY id`, arg) // webhook_endpoints_by_organizer
	if err != nil {
		return nil, err
	}
	out := receivers{}
	for _, e := range list {
		out[e.OrganizerID] = append(out[e.OrganizerID], e)
	}
	return out, nil
}

// of are the ids of an organizer's endpoints that get a message about an entry.
func (r receivers) of(organizerID string, t webhookapi.Type, entryAt int64) (to []string) {
	for i := range r[organizerID] {
		if e := &r[organizerID][i]; e.Enabled && e.beginsAt <= entryAt && e.Wants(t) {
			to = append(to, e.ID)
		}
	}
	return to
}

// await reports whether somebody wants to know what becomes of the money of an entry.
func (r receivers) await(w *awaited) bool {
	types := []webhookapi.Type{webhookapi.PaymentCaptured}
	if w.refund {
		types = []webhookapi.Type{webhookapi.PaymentRefunded, webhookapi.RefundFailed}
	}
	return slices.ContainsFunc(types, func(t webhookapi.Type) bool { return len(r.of(w.organizerID, t, w.at)) > 0 })
}

// stored is a message about an entry, with the endpoints that it goes to.
type stored struct {
	message
	organizerID string
	entryAt     int64
	to          []string
}

// tell stores messages for all who want them.
func (s store) tell(ctx context.Context, tx *sql.Tx, list []stored, to receivers, now time.Time) error {
	for i := range list {
		m := &list[i]
		if m.to = to.of(m.organizerID, m.kind, m.entryAt); len(m.to) == 0 {
			continue
		}
		if err := s.add(ctx, tx, &m.message, m.to, now); err != nil {
			return err
		}
	}
	return nil
}
