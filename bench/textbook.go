package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The textbook server sells seats over the same HTTP calls as boxoffice, with
// the same router and JSON library, as well as one transaction a request with
// SELECT … FOR UPDATE can do it: statements prepared and sent together where
// they do not depend on each other (two round trips a request), rows locked in
// one order, holds that lapse without a sweeper, keys that make repeats harmless,
// seat maps cached for a tenth of a second. What it leaves out: accounts, prices,
// limits, a ledger, a gateway for payments.
const textbookSchema = `
CREATE TABLE seats (id BIGINT PRIMARY KEY, section BIGINT NOT NULL, status CHAR(1) NOT NULL DEFAULT '.', booking_id TEXT, held_until TIMESTAMPTZ) WITH (fillfactor = 50);
CREATE TABLE bookings (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, status TEXT NOT NULL, seats BIGINT[] NOT NULL, amount BIGINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now()) WITH (fillfactor = 50);
CREATE TABLE payments (booking_id TEXT PRIMARY KEY REFERENCES bookings (id), amount BIGINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE INDEX seats_by_section ON seats (section, id);
`

const (
	textbookEvent   = "textb00kserver00" // as ids are
	textbookRow     = 25
	textbookSection = 500
	textbookPrice   = 5000
)

type textbook struct {
	pool  *pgxpool.Pool
	seats int

	mu   sync.Mutex
	maps map[int]cachedMap // by section; -1: the counts
}

type cachedMap struct {
	until time.Time
	body  []byte
}

var errTaken = errors.New("taken")

// serveTextbook serves until it is killed.
func serveTextbook(ctx context.Context, url string, conns, seats int) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	cfg.MaxConns, cfg.MinConns = int32(conns), int32(conns)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "DROP TABLE IF EXISTS seats, bookings, payments; "+textbookSchema); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "INSERT INTO seats (id, section) SELECT n, n / $1 FROM generate_series(0, $2 - 1) AS n", textbookSection, seats); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "VACUUM ANALYZE seats"); err != nil {
		return err
	}
	s := &textbook{pool: pool, seats: seats, maps: map[int]cachedMap{}}
	r := chi.NewRouter()
	r.Get("/events/{id}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"id": textbookEvent, "status": "on_sale", "limit_per_customer": 100})
	})
	r.Get("/events/{id}/plan", s.plan)
	r.Get("/events/{id}/seats", s.seatMap)
	r.Post("/bookings", s.hold)
	r.Get("/bookings/{id}", s.booking)
	r.Delete("/bookings/{id}", s.cancel)
	r.Post("/payments", s.pay)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	return http.Serve(l, r)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// read decodes a request's body, or answers 400.
func read(w http.ResponseWriter, r *http.Request, in any) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || json.Unmarshal(raw, in) != nil {
		answer(w, 400, map[string]any{"status": 400})
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errTaken):
		answer(w, 409, map[string]any{"type": "/problems/seats-taken", "title": "Conflict", "status": 409, "detail": "Somebody was faster."})
	case errors.Is(err, pgx.ErrNoRows):
		answer(w, 404, map[string]any{"status": 404})
	default:
		answer(w, 500, map[string]any{"status": 500, "detail": err.Error()})
	}
}

func (s *textbook) plan(w http.ResponseWriter, _ *http.Request) {
	type rowOf struct {
		First int `json:"first"`
		Count int `json:"count"`
	}
	type section struct {
		ID    string  `json:"id"`
		First int     `json:"first"`
		Count int     `json:"count"`
		Rows  []rowOf `json:"rows"`
	}
	type seat struct {
		Label string `json:"label"`
	}
	var sections []section
	seats := make([]seat, s.seats)
	for i := range seats {
		seats[i].Label = strconv.Itoa(i)
		if i%textbookSection == 0 {
			sections = append(sections, section{ID: strconv.Itoa(i / textbookSection), First: i, Count: textbookSection})
		}
		if i%textbookRow == 0 {
			last := &sections[len(sections)-1]
			last.Rows = append(last.Rows, rowOf{i, textbookRow})
		}
	}
	answer(w, 200, map[string]any{"sections": sections, "seats": seats})
}

// seatMap is a section's statuses, or the sections' counts.
func (s *textbook) seatMap(w http.ResponseWriter, r *http.Request) {
	section, err := strconv.Atoi(r.URL.Query().Get("section"))
	if err != nil {
		section = -1
	}
	s.mu.Lock()
	c := s.maps[section]
	s.mu.Unlock()
	if time.Now().After(c.until) {
		c.until = time.Now().Add(100 * time.Millisecond)
		if c.body, err = s.draw(r.Context(), section); err != nil {
			refuse(w, err)
			return
		}
		s.mu.Lock()
		s.maps[section] = c
		s.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(c.body)
}

func (s *textbook) draw(ctx context.Context, section int) ([]byte, error) {
	if section >= 0 {
		var status string
		err := s.pool.QueryRow(ctx, `SELECT string_agg(CASE WHEN status = 'h' AND held_until < now() THEN '.' ELSE status END, '' ORDER BY id) FROM seats WHERE section = $1`, section).Scan(&status)
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"status": status})
	}
	type counts struct{ Free, Held, Sold int32 }
	rows, err := s.pool.Query(ctx, `SELECT count(*) FILTER (WHERE status = '.' OR status = 'h' AND held_until < now()), count(*) FILTER (WHERE status = 'h' AND held_until >= now()),
		count(*) FILTER (WHERE status = 's') FROM seats GROUP BY section ORDER BY section`)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[counts])
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"sections": list})
}

func userOf(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

type textbookBooking struct {
	ID     string         `json:"id"`
	UserID string         `json:"user_id"`
	Status string         `json:"status"`
	Amount int64          `json:"amount"`
	Seats  []textbookSeat `json:"seats"`
}

type textbookSeat struct {
	Label string `json:"label"`
	Price int64  `json:"price"`
}

func newTextbookBooking(id, user, status string, seats []int64) textbookBooking {
	b := textbookBooking{ID: id, UserID: user, Status: status, Amount: int64(len(seats)) * textbookPrice}
	for _, n := range seats {
		b.Seats = append(b.Seats, textbookSeat{strconv.FormatInt(n, 10), textbookPrice})
	}
	return b
}

func (s *textbook) hold(w http.ResponseWriter, r *http.Request) {
	var in struct {
		EventID  string   `json:"event_id"`
		Seats    []string `json:"seats"`
		Quantity int      `json:"quantity"`
		Section  string   `json:"section"`
	}
	if !read(w, r, &in) {
		return
	}
	user := userOf(r)
	sum := sha256.Sum256([]byte(user + " " + r.Header.Get("Idempotency-Key")))
	id := hex.EncodeToString(sum[:16])
	var want []int64
	for _, label := range in.Seats {
		n, err := strconv.ParseInt(label, 10, 64)
		if err != nil {
			answer(w, 422, map[string]any{"status": 422})
			return
		}
		want = append(want, n)
	}
	section, _ := strconv.ParseInt(in.Section, 10, 64)
	got, err := s.take(r.Context(), id, user, want, in.Quantity, section)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, 201, newTextbookBooking(id, user, "pending", got))
}

// take is the transaction of a hold: its two messages are BEGIN, the booking if
// it was made before, and the locked seats; then the writes and COMMIT.
func (s *textbook) take(ctx context.Context, id, user string, want []int64, quantity int, section int64) (seats []int64, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	var earlier []int64
	free := 0
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue("SELECT seats FROM bookings WHERE id = $1", id).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&earlier); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	lock := func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var ok bool
			if err := rows.Scan(&n, &ok); err != nil {
				return err
			}
			if ok {
				free++
			}
			seats = append(seats, n)
		}
		return rows.Err()
	}
	if len(want) > 0 {
		b.Queue("SELECT id, status = '.' OR status = 'h' AND held_until < now() FROM seats WHERE id = ANY($1) ORDER BY id FOR UPDATE", want).Query(lock)
		quantity = len(want)
	} else {
		b.Queue("SELECT id, true FROM seats WHERE section = $1 AND (status = '.' OR status = 'h' AND held_until < now()) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED", section, quantity).Query(lock)
	}
	if err = conn.SendBatch(ctx, &b).Close(); err == nil && earlier == nil && free < quantity {
		err = errTaken
	}
	if err != nil || earlier != nil {
		_, _ = conn.Exec(ctx, "ROLLBACK")
		return earlier, err
	}
	var c pgx.Batch
	c.Queue("INSERT INTO bookings (id, user_id, status, seats, amount) VALUES ($1, $2, 'pending', $3, $4)", id, user, seats, int64(len(seats))*textbookPrice)
	c.Queue("UPDATE seats SET status = 'h', booking_id = $2, held_until = now() + interval '8 minutes' WHERE id = ANY($1)", seats, id)
	c.Queue("COMMIT")
	return seats, conn.SendBatch(ctx, &c).Close()
}

func (s *textbook) pay(w http.ResponseWriter, r *http.Request) {
	var in struct {
		BookingID string `json:"booking_id"`
		Method    string `json:"method"`
	}
	if !read(w, r, &in) {
		return
	}
	if in.Method == "tok_decline" {
		answer(w, 402, map[string]any{"status": 402, "detail": "The card was declined."})
		return
	}
	if err := s.settle(r.Context(), in.BookingID, userOf(r)); err != nil {
		refuse(w, err)
		return
	}
	answer(w, 201, map[string]any{"booking_id": in.BookingID, "status": "captured", "amount": textbookPrice})
}

func (s *textbook) settle(ctx context.Context, id, user string) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var status string
	var amount int64
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue("SELECT status, amount FROM bookings WHERE id = $1 AND user_id = $2 FOR UPDATE", id, user).QueryRow(func(row pgx.Row) error { return row.Scan(&status, &amount) })
	if err = conn.SendBatch(ctx, &b).Close(); err != nil || status != "pending" {
		_, _ = conn.Exec(ctx, "ROLLBACK")
		if err == nil && status != "booked" {
			err = errTaken
		}
		return err
	}
	var c pgx.Batch
	c.Queue("INSERT INTO payments (booking_id, amount) VALUES ($1, $2)", id, amount)
	c.Queue("UPDATE bookings SET status = 'booked' WHERE id = $1", id)
	c.Queue("UPDATE seats SET status = 's', held_until = NULL WHERE id = ANY((SELECT seats FROM bookings WHERE id = $1)::BIGINT[]) AND booking_id = $1", id)
	c.Queue("COMMIT")
	return conn.SendBatch(ctx, &c).Close()
}

func (s *textbook) booking(w http.ResponseWriter, r *http.Request) {
	var status string
	var seats []int64
	id, user := chi.URLParam(r, "id"), userOf(r)
	if err := s.pool.QueryRow(r.Context(), "SELECT status, seats FROM bookings WHERE id = $1 AND user_id = $2", id, user).Scan(&status, &seats); err != nil {
		refuse(w, err)
		return
	}
	answer(w, 200, newTextbookBooking(id, user, status, seats))
}

func (s *textbook) cancel(w http.ResponseWriter, r *http.Request) {
	id, user := chi.URLParam(r, "id"), userOf(r)
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue("UPDATE bookings SET status = 'cancelled' WHERE id = $1 AND user_id = $2", id, user)
	b.Queue("UPDATE seats SET status = '.', booking_id = NULL WHERE id = ANY((SELECT seats FROM bookings WHERE id = $1 AND user_id = $2)::BIGINT[]) AND booking_id = $1", id, user)
	b.Queue("COMMIT")
	if err := s.pool.SendBatch(r.Context(), &b).Close(); err != nil {
		refuse(w, err)
		return
	}
	answer(w, 200, map[string]any{"id": id, "status": "cancelled"})
}
