package checkin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/sqldb"
)

// scanColumns are the columns of door_scans but for the event, with their types in
// PostgreSQL.
var scanColumns = strings.Split(`device TEXT,counter BIGINT,seq BIGINT,at BIGINT,n BIGINT,kind TEXT,booking_id TEXT,seat BIGINT,of_device TEXT,of_counter BIGINT,entrance TEXT,how TEXT,`+
	`node_reason TEXT,gate_reason TEXT,own_reason TEXT,because_device TEXT,because_counter BIGINT,offset_known BOOLEAN,untimed BOOLEAN,content TEXT,received_at BIGINT,author_id TEXT,note TEXT`, ",")

const (
	// By the primary key of door_events.
	sqlBegin = `INSERT INTO door_events (event_id, seq, rev) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING`
	sqlPeek  = `SELECT seq, rev FROM door_events WHERE event_id = $1`
	sqlLock  = `SELECT seq, rev FROM door_events WHERE event_id = $1 /*postgres: FOR UPDATE*/`
	sqlMove  = `UPDATE door_events SET seq = $2 WHERE event_id = $1`
	sqlBump  = `UPDATE door_events SET rev = rev + 1 WHERE event_id = $1`

	// By the primary key of door_settings.
	sqlSettings    = `SELECT version, settings FROM door_settings WHERE event_id = $1`
	sqlSetSettings = `INSERT INTO door_settings (event_id, version, settings, author_id, updated_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (event_id) DO UPDATE SET version = excluded.version, settings = excluded.settings, author_id = excluded.author_id, updated_at = excluded.updated_at`

	deviceColumns = `event_id, id, kind, name, entrance, names, valid_from, valid_until, paired_at, paired_by, seen_at, revoked_at`
	// By the primary key of door_devices.
	sqlDevices   = `SELECT ` + deviceColumns + ` FROM door_devices WHERE event_id = $1`
	sqlAddDevice = `INSERT INTO door_devices (` + deviceColumns + `, revoked_by, token) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', $13)`
	sqlRevoke    = `UPDATE door_devices SET revoked_at = $3, revoked_by = $4 WHERE event_id = $1 AND id = $2 AND revoked_at = 0`
	sqlSeen      = `UPDATE door_devices SET seen_at = $3 WHERE event_id = $1 AND id = $2 AND seen_at < $3`
	// By door_devices_by_token.
	sqlByToken = `SELECT ` + deviceColumns + ` FROM door_devices WHERE token = $1`

	// By the primary key of door_lists.
	sqlLists   = `SELECT booking_id, name FROM door_lists WHERE event_id = $1`
	sqlSetList = `INSERT INTO door_lists (event_id, booking_id, name, author_id, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (event_id, booking_id) DO UPDATE SET name = excluded.name, author_id = excluded.author_id, at = excluded.at`
	sqlDropList = `DELETE FROM door_lists WHERE event_id = $1 AND booking_id = $2`

	// By the primary key of door_log.
	sqlAddLog = `INSERT INTO door_log (event_id, n, at, author_id, what, subject, detail) 
		SELECT CAST($1 AS TEXT), COALESCE(MAX(n), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT) FROM door_log WHERE event_id = $1`
	sqlLog = `SELECT at, author_id, what, subject, detail FROM door_log WHERE event_id = $1 ORDER BY n DESC LIMIT $2`

	sqlAddPairing = `INSERT INTO door_pairings (event_id, code, kind, name, entrance, names, valid_from, valid_until, author_id, expires_at, device) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '')`
	sqlForget     = `DELETE FROM door_pairings WHERE event_id = $1 AND expires_at < $2` // by the primary key
	// By door_pairings_by_code.
	sqlPairing    = `SELECT event_id, kind, name, entrance, names, valid_from, valid_until, author_id, expires_at FROM door_pairings WHERE code = $1 AND device = ''`
	sqlUsePairing = `UPDATE door_pairings SET device = $2 WHERE code = $1 AND device = ''`
)

// store reads and writes the tables.
type store struct {
	db    *sqldb.DB
	lock  string // in the database's dialect
	scans string
	put   string    // PostgreSQL: stores all rows, which are one argument
	one   *sql.Stmt // SQLite: stores a row
}

func newStore(ctx context.Context, db *sqldb.DB) (store, error) {
	var names, fields, values []string
	for i, c := range scanColumns {
		name, _, _ := strings.Cut(c, " ")
		names = append(names, name)
		fields = append(fields, "r."+name)
		values = append(values, fmt.Sprintf("$%d", i+2))
	}
	list := strings.Join(names, ", ")
	const joins = ` ON CONFLICT (event_id, device, counter) DO UPDATE SET seq = excluded.seq, at = excluded.at, n = excluded.n, booking_id = excluded.booking_id, seat = excluded.seat,
		node_reason = excluded.node_reason, gate_reason = excluded.gate_reason, own_reason = excluded.own_reason, because_device = excluded.because_device, because_counter = excluded.because_counter, offset_known = excluded.offset_known, untimed = excluded.untimed`
	st := store{
		db: db, lock: db.Text(sqlLock),
		scans: `SELECT ` + list + ` FROM door_scans WHERE event_id = $1 AND seq > $2 ORDER BY seq`, // by door_scans_by_seq
		put: `INSERT INTO door_scans (event_id, ` + list + `) SELECT $1, ` + strings.Join(fields, ", ") +
			` FROM json_to_recordset(CAST($2 AS JSON)) AS r(` + strings.Join(scanColumns, ", ") + `)` + joins,
	}
	var err error
	if db.Dialect() == sqldb.SQLite {
		st.one, err = db.PrepareWrite(ctx, `INSERT INTO door_scans (event_id, `+list+`) VALUES ($1, `+strings.Join(values, ", ")+`)`+joins)
	}
	return st, err
}

// head is an event's row in door_events; zero without one.
type head struct{ seq, rev int64 }

func (st store) head(ctx context.Context, from sqldb.Querier, query, eventID string) (h head, err error) {
	err = from.QueryRowContext(ctx, query, eventID).Scan(&h.seq, &h.rev)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return h, fmt.Errorf("read the door of %s: %w", eventID, err)
	}
	return h, nil
}

// row is an entry as JSON, by the names of scanColumns.
type row struct {
	Device         string `json:"device"`
	Counter        int64  `json:"counter"`
	Seq            int64  `json:"seq"`
	At             int64  `json:"at"`
	N              int64  `json:"n"`
	Kind           string `json:"kind"`
	BookingID      string `json:"booking_id"`
	Seat           int32  `json:"seat"`
	OfDevice       string `json:"of_device"`
	OfCounter      int64  `json:"of_counter"`
	Entrance       string `json:"entrance"`
	How            string `json:"how"`
	NodeReason     string `json:"node_reason"`
	GateReason     string `json:"gate_reason"`
	OwnReason      string `json:"own_reason"`
	BecauseDevice  string `json:"because_device"`
	BecauseCounter int64  `json:"because_counter"`
	OffsetKnown    bool   `json:"offset_known"`
	Untimed        bool   `json:"untimed"`
	Content        string `json:"content"`
	ReceivedAt     int64  `json:"received_at"`
	AuthorID       string `json:"author_id"`
	Note           string `json:"note"`
}

// fields are the places of a row's columns, in the order of scanColumns.
func (r *row) fields() []any {
	return []any{&r.Device, &r.Counter, &r.Seq, &r.At, &r.N, &r.Kind, &r.BookingID, &r.Seat, &r.OfDevice, &r.OfCounter, &r.Entrance, &r.How,
		&r.NodeReason, &r.GateReason, &r.OwnReason, &r.BecauseDevice, &r.BecauseCounter, &r.OffsetKnown, &r.Untimed, &r.Content, &r.ReceivedAt, &r.AuthorID, &r.Note}
}

// values are an event's id and the values of a row's columns.
func (r row) values(eventID string) []any {
	return []any{eventID, r.Device, r.Counter, r.Seq, r.At, r.N, r.Kind, r.BookingID, r.Seat, r.OfDevice, r.OfCounter, r.Entrance, r.How,
		r.NodeReason, r.GateReason, r.OwnReason, r.BecauseDevice, r.BecauseCounter, r.OffsetKnown, r.Untimed, r.Content, r.ReceivedAt, r.AuthorID, r.Note}
}

func rowOf(e *entry) row {
	return row{
		e.Device, e.Counter, e.seq, e.At, e.N, string(e.kind), e.place.booking, e.place.seat, e.of.Device, e.of.Counter, e.entrance, string(e.how),
		string(e.node.reason), string(e.gate.reason), string(e.own.reason), e.because.Device, e.because.Counter, e.offsetKnown, e.untimed, e.content, e.received, e.by, e.note,
	}
}

func (r *row) entry() *entry {
	return &entry{
		Ref: checkinapi.Ref{Device: r.Device, Counter: r.Counter}, Stamp: checkinapi.Stamp{At: r.At, N: r.N}, kind: checkinapi.Kind(r.Kind), place: place{r.BookingID, r.Seat},
		of: checkinapi.Ref{Device: r.OfDevice, Counter: r.OfCounter}, entrance: r.Entrance, how: checkinapi.How(r.How), node: decisionOf(r.NodeReason), gate: decisionOf(r.GateReason), own: decisionOf(r.OwnReason),
		because: checkinapi.Ref{Device: r.BecauseDevice, Counter: r.BecauseCounter}, offsetKnown: r.OffsetKnown, untimed: r.Untimed, content: r.Content, received: r.ReceivedAt, seq: r.Seq, by: r.AuthorID, note: r.Note,
	}
}

// decisionOf is the decision with a reason: only ok admits.
func decisionOf(reason string) decision {
	switch reason {
	case "":
		return decision{}
	case string(checkinapi.OK):
		return admit()
	}
	return refuse(checkinapi.Reason(reason))
}

// after reads the entries that were stored or joined after seq, in that order.
func (st store) after(ctx context.Context, from sqldb.Querier, eventID string, seq int64) ([]*entry, error) {
	rows, err := from.QueryContext(ctx, st.scans, eventID, seq)
	if err != nil {
		return nil, fmt.Errorf("read scans: %w", err)
	}
	defer rows.Close()
	var list []*entry
	for rows.Next() {
		var r row
		if err := rows.Scan(r.fields()...); err != nil {
			return nil, fmt.Errorf("read scans: %w", err)
		}
		list = append(list, r.entry())
	}
	return list, rows.Err()
}

// write stores entries, new ones and joined ones, and moves the event's seq.
func (st store) write(ctx context.Context, tx *sql.Tx, eventID string, entries []*entry, seq int64) error {
	if err := st.rows(ctx, tx, eventID, entries); err != nil {
		return fmt.Errorf("store scans: %w", err)
	}
	if _, err := tx.ExecContext(ctx, sqlMove, eventID, seq); err != nil {
		return fmt.Errorf("store scans: %w", err)
	}
	return nil
}

// rows stores the rows of entries: by one statement on PostgreSQL, row by row on SQLite,
// which reads JSON slowly.
func (st store) rows(ctx context.Context, tx *sql.Tx, eventID string, entries []*entry) error {
	if st.one != nil {
		one := tx.StmtContext(ctx, st.one)
		for _, e := range entries {
			if _, err := one.ExecContext(st.db.Quick(ctx), rowOf(e).values(eventID)...); err != nil {
				return err
			}
		}
		return nil
	}
	list := make([]row, len(entries))
	for i, e := range entries {
		list[i] = rowOf(e)
	}
	raw, err := codec.Marshal(list)
	if err == nil {
		_, err = tx.ExecContext(ctx, st.put, eventID, string(raw))
	}
	return err
}

// rules are the settings, the devices and the lists of guests of an event. They are read
// together, and never changed.
type rules struct {
	rev      int64
	settings checkinapi.Settings
	devices  map[string]*checkinapi.Device
	lists    map[string]string // names, by booking id
}

// scanner returns a device that scans; nil: there is none.
func (r *rules) scanner(id string) *checkinapi.Device {
	if d := r.devices[id]; d != nil && d.Kind == checkinapi.Scanner {
		return d
	}
	return nil
}

func (st store) rules(ctx context.Context, from sqldb.Querier, eventID string, rev int64) (*rules, error) {
	r := &rules{rev: rev, devices: map[string]*checkinapi.Device{}}
	var err error
	if r.lists, err = st.lists(ctx, from, eventID); err != nil {
		return nil, err
	}
	if r.settings, err = st.settings(ctx, from, eventID); err != nil {
		return nil, err
	}
	rows, err := from.QueryContext(ctx, sqlDevices, eventID)
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := readDevice(rows)
		if err != nil {
			return nil, err
		}
		r.devices[d.ID] = d
	}
	return r, rows.Err()
}

func (st store) lists(ctx context.Context, from sqldb.Querier, eventID string) (map[string]string, error) {
	rows, err := from.QueryContext(ctx, sqlLists, eventID)
	if err != nil {
		return nil, fmt.Errorf("read lists of guests: %w", err)
	}
	defer rows.Close()
	lists := map[string]string{}
	for rows.Next() {
		var booking, name string
		if err := rows.Scan(&booking, &name); err != nil {
			return nil, fmt.Errorf("read lists of guests: %w", err)
		}
		lists[booking] = name
	}
	return lists, rows.Err()
}

func (st store) settings(ctx context.Context, from sqldb.Querier, eventID string) (checkinapi.Settings, error) {
	s := checkinapi.Defaults(eventID)
	var text string
	var version int64
	err := from.QueryRowContext(ctx, sqlSettings, eventID).Scan(&version, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err == nil {
		s.Entrances = nil
		err = codec.ReadKnown([]byte(text), &s)
	}
	if err != nil {
		return s, fmt.Errorf("read settings of the door of %s: %w", eventID, err)
	}
	s.EventID, s.Version = eventID, version
	return s, nil
}

func readDevice(from interface{ Scan(...any) error }) (*checkinapi.Device, error) {
	d := &checkinapi.Device{}
	if err := from.Scan(&d.EventID, &d.ID, &d.Kind, &d.Name, &d.Entrance, &d.Names, &d.ValidFrom, &d.ValidUntil, &d.PairedAt, &d.PairedBy, &d.SeenAt, &d.RevokedAt); err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	return d, nil
}

// change locks an event's door and changes its settings or devices with fn.
func (st store) change(ctx context.Context, eventID string, fn func(tx *sql.Tx) error) error {
	return st.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, sqlBegin, eventID); err != nil {
			return fmt.Errorf("begin the door of %s: %w", eventID, err)
		}
		if _, err := st.head(ctx, tx, st.lock, eventID); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, sqlBump, eventID)
		return err
	})
}
