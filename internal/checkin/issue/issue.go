package issue

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/safetext"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

//go:embed migrations/*.sql
var migrations embed.FS

// most is how often the ticket of a seat can be replaced. A door that has not synchronized
// for long recognizes the next hundred issues; see ticket.List.
const most = 1000

// Bookings reads bookings; see bookingapi.
type Bookings interface {
	Readable(ctx context.Context, caller caller.Caller, bookingID, token string) (bookingapi.Booking, error)
	Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error)
}

// Config configures Issues.
type Config struct {
	DB       *sqldb.DB
	Now      func() time.Time
	Bookings Bookings
	Signer   ticket.Signer // of what phones get; commands that only read need none
	// Rules returns the settings of an event's door; nil: its codes are fixed.
	Rules func(ctx context.Context, eventID string) (checkinapi.Settings, error)
}

// Issues implements checkinapi.Issuing.
type Issues struct{ cfg Config }

// New migrates the tables.
func New(ctx context.Context, cfg Config) (*Issues, error) {
	if err := cfg.DB.Migrate(ctx, "issue", migrations); err != nil {
		return nil, err
	}
	return &Issues{cfg}, nil
}

const columns = `i.booking_id, i.seat, i.issue, i.bound_key, i.rev, i.at, i.author_id, i.reason`

// sqlIssues reads the issues of bookings by the primary key. A booking's id begins with its
// event's.
const sqlIssues = `SELECT ` + columns + ` FROM /*sqlite: json_each($1) AS b*/ /*postgres: json_array_elements_text(CAST($1 AS JSON)) AS b(value)*/
	JOIN door_issues i ON i.event_id = substr(b.value, 1, 16) AND i.booking_id = b.value`

// Issues returns the issues of bookings' seats; see checkinapi.Issuing.
func (s *Issues) Issues(ctx context.Context, bookingIDs []string) (map[string]map[int32]checkinapi.Issue, error) {
	out := map[string]map[int32]checkinapi.Issue{}
	if len(bookingIDs) == 0 {
		return out, nil
	}
	ids, err := codec.Marshal(slices.Compact(slices.Sorted(slices.Values(bookingIDs))))
	if err != nil {
		return nil, fmt.Errorf("read issues: %w", err)
	}
	list, err := s.read(ctx, s.cfg.DB.Reader(), s.cfg.DB.Text(sqlIssues), string(ids))
	for _, i := range list {
		if out[i.BookingID] == nil {
			out[i.BookingID] = map[int32]checkinapi.Issue{}
		}
		out[i.BookingID][i.Seat] = i.Issue
	}
	return out, err
}

func (s *Issues) read(ctx context.Context, from sqldb.Querier, query string, args ...any) ([]checkinapi.SeatIssue, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read issues: %w", err)
	}
	defer rows.Close()
	var list []checkinapi.SeatIssue
	for rows.Next() {
		var i checkinapi.SeatIssue
		if err := rows.Scan(&i.BookingID, &i.Seat, &i.Number, &i.BoundKey, &i.Rev, &i.At, &i.By, &i.Reason); err != nil {
			return nil, fmt.Errorf("read issues: %w", err)
		}
		list = append(list, i)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read issues: %w", err)
	}
	return list, nil
}

// IssuesSince returns the issues with a later rev; see checkinapi.Issuing.
func (s *Issues) IssuesSince(ctx context.Context, eventID string, after int64, limit int) ([]checkinapi.SeatIssue, error) {
	return s.read(ctx, s.cfg.DB.Reader(), `SELECT `+columns+` FROM door_issues i WHERE i.event_id = $1 AND i.rev > $2 ORDER BY i.rev LIMIT $3`, eventID, after, limit) // door_issues_by_rev
}

// Reissued returns the bookings of an event whose tickets were replaced after a rev, for at
// most limit seats, and the last rev among them; 0: there are none.
func (s *Issues) Reissued(ctx context.Context, eventID string, after int64, limit int) (bookingIDs []string, last int64, err error) {
	list, err := s.IssuesSince(ctx, eventID, after, limit)
	for _, i := range list {
		if !slices.Contains(bookingIDs, i.BookingID) {
			bookingIDs = append(bookingIDs, i.BookingID)
		}
		last = i.Rev
	}
	return bookingIDs, last, err
}

// IssueRevs returns the latest rev of events; see checkinapi.Issuing.
func (s *Issues) IssueRevs(ctx context.Context, eventIDs []string) (map[string]int64, error) {
	out := make(map[string]int64, len(eventIDs))
	among, arg, err := s.cfg.DB.Among(eventIDs)
	if err != nil {
		return nil, fmt.Errorf("read revs of issues: %w", err)
	}
	rows, err := s.cfg.DB.Reader().QueryContext(ctx, `SELECT event_id, rev FROM door_issue_heads WHERE event_id `+among, arg) // primary key
	if err != nil {
		return nil, fmt.Errorf("read revs of issues: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var rev int64
		if err := rows.Scan(&id, &rev); err != nil {
			return nil, fmt.Errorf("read revs of issues: %w", err)
		}
		out[id] = rev
	}
	return out, rows.Err()
}

// Replaced lists the latest replacements of tickets for an event, latest first; at most limit.
func (s *Issues) Replaced(ctx context.Context, eventID string, limit int) ([]checkinapi.SeatIssue, error) {
	return s.read(ctx, s.cfg.DB.Reader(), `SELECT i.booking_id, i.seat, i.issue, NULL, i.rev, i.at, i.author_id, i.reason FROM door_reissues i WHERE i.event_id = $1 ORDER BY i.rev DESC LIMIT $2`, eventID, limit) // primary key
}

// Reissue replaces tickets; see checkinapi.Issuing.
func (s *Issues) Reissue(ctx context.Context, c caller.Caller, token string, r checkinapi.ReissueRequest) (bookingapi.Order, map[int32]checkinapi.Issue, error) {
	b, err := s.cfg.Bookings.Readable(ctx, c, r.BookingID, token)
	if err != nil {
		return bookingapi.Order{}, nil, err
	}
	by := c.UserID
	switch {
	case c.IsSystem():
		by = checkinapi.BySystem
	case b.UserID != by && token != "":
		by = "" // whoever has the link
	}
	organizing := token == "" && b.UserID != c.UserID // Readable lets in organizers and admins besides
	r.Reason = strings.TrimSpace(r.Reason)
	if err := checkReason(r.Reason, organizing); err != nil {
		return bookingapi.Order{}, nil, err
	}
	o, seats, err := s.ticketed(ctx, b, r.Seats)
	if err != nil {
		return o, nil, err
	}
	issues, err := s.raise(ctx, &o, seats, raising{seen: r.Seen, by: by, reason: r.Reason})
	return o, issues, err
}

// ticketed returns the order of a booking that has tickets, and the chosen seats of it.
func (s *Issues) ticketed(ctx context.Context, b bookingapi.Booking, labels []string) (o bookingapi.Order, seats []int32, err error) {
	orders, err := s.cfg.Bookings.Orders(ctx, []bookingapi.Booking{b})
	if err != nil {
		return o, nil, err
	}
	o = orders[0]
	if o.Status != bookingapi.Booked || o.Kind == bookingapi.Block {
		return o, nil, errs.New(errs.Conflict, "no-tickets", "This booking has no tickets: it is not paid, or it was cancelled.")
	}
	seats, err = chosen(&o, labels)
	return o, seats, err
}

// Showing says how the tickets of an event may be shown; see checkinapi.Issuing.
func (s *Issues) Showing(ctx context.Context, eventID string) (checkinapi.Showing, error) {
	rules := checkinapi.Defaults(eventID)
	if s.cfg.Rules != nil {
		var err error
		if rules, err = s.cfg.Rules(ctx, eventID); err != nil {
			return checkinapi.Showing{}, err
		}
	}
	return rules.Showing(), nil
}

// Bind binds tickets to a phone; see checkinapi.Issuing.
func (s *Issues) Bind(ctx context.Context, c caller.Caller, token string, r checkinapi.BindRequest) (bookingapi.Order, map[int32]checkinapi.Issue, error) {
	b, err := s.cfg.Bookings.Readable(ctx, c, r.BookingID, token)
	if err != nil {
		return bookingapi.Order{}, nil, err
	}
	by := c.UserID
	if !c.SignedIn() || b.UserID != by {
		if token == "" { // an organizer or admin, who gets no tickets
			return bookingapi.Order{}, nil, errs.Missing("ticket")
		}
		by = ""
	}
	if len(r.Key) != ed25519.PublicKeySize {
		return bookingapi.Order{}, nil, errs.Bad("public_key", "not-a-key", "must be %d bytes of base64url", ed25519.PublicKeySize)
	}
	o, seats, err := s.ticketed(ctx, b, r.Seats)
	if err != nil {
		return o, nil, err
	}
	may, err := s.Showing(ctx, id.Event(o.ID))
	if err != nil {
		return o, nil, err
	}
	if !may.Rotating {
		return o, nil, errs.New(errs.Conflict, "codes-fixed", "The codes of this event do not rotate. Use the tickets as they are.")
	}
	issues, err := s.raise(ctx, &o, seats, raising{seen: r.Seen, by: by, key: r.Key, move: r.Move})
	return o, issues, err
}

func checkReason(reason string, needed bool) error {
	least := 0
	if needed {
		least = 1
	}
	if why := safetext.LineFault(reason, least, checkinapi.MaxReason); !why.None() {
		return errs.Fields([]errs.Field{why.In("reason")})
	}
	if safetext.Hidden(reason) {
		return errs.Fields([]errs.Field{safetext.HiddenReason.In("reason")})
	}
	return nil
}

// chosen returns the ordinals of an order's seats with these labels; none: all.
func chosen(o *bookingapi.Order, labels []string) ([]int32, error) {
	var seats []int32
	for i := range o.Places {
		if len(labels) == 0 || slices.Contains(labels, o.Places[i].Label) {
			seats = append(seats, o.Places[i].Seat)
		}
	}
	for _, label := range labels {
		if !slices.ContainsFunc(o.Places, func(p bookingapi.Place) bool { return p.Label == label }) {
			return nil, errs.Bad("seats", "not-in-booking", "has a seat that is not one of this booking")
		}
	}
	return seats, nil
}

const (
	sqlBegin = `INSERT INTO door_issue_heads (event_id, rev) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	sqlMove  = `UPDATE door_issue_heads SET rev = $2 WHERE event_id = $1`
	sqlRev   = `SELECT rev FROM door_issue_heads WHERE event_id = $1 /*postgres: FOR UPDATE*/`
	sqlOf    = `SELECT ` + columns + ` FROM door_issues i WHERE i.event_id = $1 AND i.booking_id = $2` // by the primary key
	sqlKeep  = `INSERT INTO door_reissues (event_id, rev, booking_id, seat, issue, at, author_id, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	sqlPut   = `INSERT INTO door_issues (event_id, booking_id, seat, issue, bound_key, rev, at, author_id, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (event_id, booking_id, seat) DO UPDATE SET issue = excluded.issue, bound_key = excluded.bound_key, rev = excluded.rev, at = excluded.at, author_id = excluded.author_id, reason = excluded.reason`
)

// raising is why issues are raised, and what for.
type raising struct {
	seen       int64 // see checkinapi.ReissueRequest
	by, reason string
	key        []byte // of the phone that the tickets are bound to; nil: none
	move       bool   // also from another phone
}

// todo returns the seats whose issue is to be raised.
func (r *raising) todo(o *bookingapi.Order, seats []int32, issues map[int32]checkinapi.Issue, latest int64) (todo []int32, err error) {
	late := r.seen > 0 && r.seen != latest || r.seen == errs.NotYet && latest != 0
	if r.key == nil && late {
		return nil, nil // the same request was sent before
	}
	var elsewhere []string
	for _, seat := range seats {
		bound := issues[seat].BoundKey
		if r.key != nil && bytes.Equal(bound, r.key) {
			continue // the same request was sent before
		}
		if issues[seat].Number >= most {
			return nil, errs.New(errs.Conflict, "replaced-too-often", "The ticket of a seat can be replaced %d times.", most)
		}
		todo = append(todo, seat)
		if r.key != nil && len(bound) > 0 {
			at := slices.IndexFunc(o.Places, func(p bookingapi.Place) bool { return p.Seat == seat })
			elsewhere = append(elsewhere, o.Places[at].Label)
		}
	}
	switch {
	case len(elsewhere) > 0 && !r.move:
		return nil, errs.New(errs.Conflict, "bound-elsewhere", "These tickets are on another phone.").With("seats", elsewhere)
	case len(todo) > 0 && late:
		return nil, errs.New(errs.Conflict, "tickets-changed", "The tickets have changed since. Please read them again.")
	}
	return todo, nil
}

// raise raises the issues of seats, and returns all issues of the booking.
func (s *Issues) raise(ctx context.Context, o *bookingapi.Order, seats []int32, r raising) (map[int32]checkinapi.Issue, error) {
	eventID, at := id.Event(o.ID), s.cfg.Now().UnixMicro()
	var issues map[int32]checkinapi.Issue
	err := s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, sqlBegin, eventID); err != nil {
			return err
		}
		var rev int64
		if err := tx.QueryRowContext(ctx, s.cfg.DB.Text(sqlRev), eventID).Scan(&rev); err != nil {
			return err
		}
		rows, err := s.read(ctx, tx, sqlOf, eventID, o.ID)
		if err != nil {
			return err
		}
		latest := int64(0)
		issues = make(map[int32]checkinapi.Issue, len(rows)+len(seats))
		for _, i := range rows {
			issues[i.Seat] = i.Issue
			latest = max(latest, i.Rev)
		}
		todo, err := r.todo(o, seats, issues, latest)
		if err != nil {
			return sqldb.Unwritten(err)
		}
		if len(todo) == 0 {
			return nil
		}
		for _, seat := range todo {
			rev++
			i := checkinapi.Issue{Number: issues[seat].Number + 1, BoundKey: r.key, Rev: rev, At: at, By: r.by, Reason: r.reason}
			if _, err := tx.ExecContext(ctx, sqlPut, eventID, o.ID, seat, i.Number, sql.Null[[]byte]{V: r.key, Valid: r.key != nil}, rev, at, i.By, i.Reason); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, sqlKeep, eventID, rev, o.ID, seat, i.Number, at, i.By, i.Reason); err != nil {
				return err
			}
			issues[seat] = i
		}
		_, err = tx.ExecContext(ctx, sqlMove, eventID, rev)
		return err
	})
	if known := (*errs.Error)(nil); errors.As(err, &known) {
		return nil, known
	}
	if err != nil {
		return nil, fmt.Errorf("replace tickets: %w", err)
	}
	return issues, nil
}
