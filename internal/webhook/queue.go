package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/webhookapi"
)

// Each endpoint has a queue of its own: what is due there, oldest first. A receiver that is
// slow or fails must hold up nobody else, however many of them there are. So attempts have
// places in three lanes: of queues that are known to be healthy, of those about which
// nothing is known yet, and of poor ones, which fail or are slow. An attempt that takes long
// gives its place to the next one of its lane, and counts as one of the poor lane. A failing
// queue makes one attempt at a time, and rests longer after each. An organizer's queues
// together make as many attempts as two healthy ones; there is no limit for a host, since
// many organizers may have their receivers at the same one.
type lane int

const (
	fresh lane = iota
	healthy
	poor
)

// places are how many attempts there are at the same time.
var places = map[lane]int{fresh: 64, healthy: 256, poor: 64}

const (
	widthHealthy = 8                // attempts at the same time, of one queue
	widthSlow    = 2                // of one whose receiver is slow
	widthOfOne   = 2 * widthHealthy // of all queues of an organizer

	slowAnswer = 2 * time.Second // a receiver that takes longer is slow
	queueEvery = time.Second
	lastWords  = 2 * time.Second // for attempts under way when the node stops
)

// queue is the queue of an endpoint.
type queue struct {
	id       string          // of the endpoint; read without the lock
	endpoint                 // this and what follows: see queues.mu
	underway map[string]bool // by message id
	due      time.Time       // when to look for deliveries; zero: now
	rests    time.Time       // until then no attempt is made
	proven   bool            // an attempt has succeeded
	failures int             // in a row
	slow     bool
}

func newQueue(e endpoint) *queue {
	q := &queue{id: e.ID, endpoint: e, underway: map[string]bool{}}
	if !e.FailingSince.IsZero() {
		q.failures = 1
	}
	return q
}

func (q *queue) lane() lane {
	switch {
	case q.failures > 0 || q.slow:
		return poor
	case q.proven:
		return healthy
	}
	return fresh
}

// width is how many attempts it makes at the same time.
func (q *queue) width() int {
	switch {
	case q.failures > 0 || !q.proven:
		return 1
	case q.slow:
		return widthSlow
	}
	return widthHealthy
}

// queues sends what is due.
type queues struct {
	s       *Service
	sender  *sender
	slow    time.Duration // slowAnswer, but for tests
	wake    chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex
	byID map[string]*queue
	used map[lane]int   // places taken; of the poor lane it may be more than there are
	of   map[string]int // attempts under way, by organizer id
}

func newQueues(s *Service, sender *sender) *queues {
	return &queues{s: s, sender: sender, slow: slowAnswer, wake: make(chan struct{}, 1), byID: map[string]*queue{}, used: map[lane]int{}, of: map[string]int{}}
}

func (qs *queues) kick() {
	select {
	case qs.wake <- struct{}{}:
	default: // it is awake already
	}
}

// live says which endpoints are sent to from now on.
func (qs *queues) live(endpoints map[string]endpoint) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for id := range qs.byID {
		if _, there := endpoints[id]; !there {
			delete(qs.byID, id)
		}
	}
	for id, e := range endpoints {
		q := qs.byID[id]
		switch {
		case q == nil:
			qs.byID[id] = newQueue(e)
		case q.pokes != e.pokes: // a test, or something is to be sent again
			q.endpoint, q.due, q.rests = e, time.Time{}, time.Time{}
		default:
			q.endpoint = e
			continue
		}
		qs.kick()
	}
}

// fill says that there is something new for endpoints.
func (qs *queues) fill(messages []stored) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for i := range messages {
		for _, id := range messages[i].to {
			if q := qs.byID[id]; q != nil {
				q.due = time.Time{}
			}
		}
	}
	if len(messages) > 0 {
		qs.kick()
	}
}

// run sends what is due until ctx ends.
func (qs *queues) run(ctx context.Context) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, queueEvery, qs.wake, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return qs.round(ctx, life) })
		trouble.Log(ctx, qs.s.log, slog.LevelWarn, "webhooks wait to be sent", err)
		return nil
	})
	qs.live(nil)
	timer := time.AfterFunc(lastWords, end)
	defer timer.Stop()
	qs.running.Wait()
}

// round begins attempts at what is due, as far as there are places. Their contexts are
// below life.
func (qs *queues) round(ctx, life context.Context) error {
	for _, q := range qs.ready() {
		list, err := qs.dueOf(ctx, q)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		secrets, err := qs.s.store.secrets(ctx, qs.s.store.db.Reader(), q.id, qs.s.now())
		if err != nil {
			return err
		}
		texts := make([]string, len(secrets))
		for i := range secrets {
			texts[i] = secrets[i].Value
		}
		for _, d := range list {
			p := qs.begin(q, d.messageID)
			if p == nil {
				break
			}
			qs.running.Go(func() {
				err := jobs.Catch(func() error { return qs.attempt(life, q, d, p, texts) })
				if err != nil && life.Err() == nil {
					qs.s.log.WarnContext(life, "an attempt to send a webhook was not recorded, and is made again", "webhook", q.id, "message", d.messageID, "error", err)
				}
			})
		}
	}
	return ctx.Err()
}

// ready are the queues that may begin an attempt now, in another order each time.
func (qs *queues) ready() (list []*queue) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	now := qs.s.now()
	for _, q := range qs.byID {
		if !q.due.After(now) && !q.rests.After(now) && qs.room(q) {
			list = append(list, q)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// room reports whether there is a place for one more attempt of a queue. The caller has
// the lock.
func (qs *queues) room(q *queue) bool {
	return len(q.underway) < q.width() && qs.used[q.lane()] < places[q.lane()] && qs.of[q.OrganizerID] < widthOfOne
}

// delivery is what an attempt is about.
type delivery struct {
	messageID, body string
	tries           int
	progress
}

// dueOf reads what is due at a queue's endpoint and not under way, as much as it has room
// for, and notes when to look again.
func (qs *queues) dueOf(ctx context.Context, q *queue) ([]delivery, error) {
	qs.mu.Lock()
	room, underway := q.width()-len(q.underway), map[string]bool{}
	for id := range q.underway {
		underway[id] = true
	}
	now := qs.s.now()
	q.due = now.Add(24 * time.Hour) // until something new comes, or it is known better
	qs.mu.Unlock()
	again := func(at time.Time) {
		qs.mu.Lock()
		defer qs.mu.Unlock()
		if at.Before(q.due) {
			q.due = at
		}
	}
	rows, err := qs.s.store.db.Reader().QueryContext(ctx, `SELECT d.message_id, d.tries, d.step, d.began_at, d.due_at, m.body
		FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id
		WHERE d.endpoint_id = $1 AND d.status = 'waiting' ORDER BY d.due_at LIMIT $2`, q.id, room+len(underway)+1) // webhook_deliveries_due
	if err != nil {
		again(now)
		return nil, fmt.Errorf("read due webhooks: %w", err)
	}
	defer rows.Close()
	var list []delivery
	for rows.Next() {
		var d delivery
		var began, due int64
		if err := rows.Scan(&d.messageID, &d.tries, &d.step, &began, &due, &d.body); err != nil {
			again(now)
			return nil, fmt.Errorf("read due webhooks: %w", err)
		}
		d.beganAt, d.dueAt, d.status = timeOf(began), timeOf(due), webhookapi.Waiting
		switch {
		case underway[d.messageID]:
		case d.dueAt.After(now) || len(list) == room:
			again(d.dueAt)
		default:
			list = append(list, d)
		}
	}
	if err := rows.Err(); err != nil {
		again(now)
		return nil, fmt.Errorf("read due webhooks: %w", err)
	}
	return list, nil
}

// place is what an attempt under way takes.
type place struct {
	url   string
	whose string // organizer id
	lane  lane
	late  *time.Timer // moves it to the poor lane
	over  bool
}

// begin takes a place for an attempt; nil: there is none.
func (qs *queues) begin(q *queue, messageID string) *place {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	p := &place{url: q.URL, whose: q.OrganizerID, lane: q.lane()}
	if !qs.room(q) || q.underway[messageID] {
		q.due = time.Time{}
		return nil
	}
	qs.used[p.lane]++
	qs.of[p.whose]++
	q.underway[messageID] = true
	p.late = time.AfterFunc(qs.slow, func() {
		qs.mu.Lock()
		defer qs.mu.Unlock()
		if !p.over {
			qs.used[p.lane]--
			p.lane, q.slow = poor, true
			qs.used[p.lane]++
			qs.kick()
		}
	})
	return p
}

// attempt sends a message once and records what has come of it.
func (qs *queues) attempt(life context.Context, q *queue, d delivery, p *place, secrets []string) (err error) {
	recorded, cut := false, false
	var o outcome
	defer func() {
		qs.mu.Lock()
		defer qs.mu.Unlock()
		p.late.Stop()
		p.over = true
		qs.used[p.lane]--
		if qs.of[p.whose]--; qs.of[p.whose] == 0 {
			delete(qs.of, p.whose)
		}
		delete(q.underway, d.messageID)
		q.due = time.Time{}
		switch {
		case cut:
		case recorded && o.ok():
			q.proven, q.failures, q.slow, q.rests = true, 0, o.took > qs.slow, time.Time{}
		default: // the receiver fails, or the database: then it would be sent again at once
			q.failures++
			q.rests = qs.s.now().Add(rest(q.failures, &o))
		}
		qs.kick()
	}()
	o = qs.sender.send(life, p.url, secrets, d.messageID, d.body)
	if cut = life.Err() != nil && !o.ok(); cut {
		return nil // the node stops: it is made again
	}
	qs.s.metrics.attempt(&o)
	err = qs.s.record(context.WithoutCancel(life), q.id, &d, &o)
	recorded = err == nil
	return err
}

// record stores an attempt, and what follows from it. If the delivery has changed since it
// was read, another node has made the attempt, or the endpoint was deleted.
func (s *Service) record(ctx context.Context, endpointID string, d *delivery, o *outcome) error {
	err := s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now()
		p := d.after(o, now, rand.Float64())
		res, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET status = $3, tries = tries + 1, step = $4, due_at = $5, last_at = $6, last_status = $7, last_failure = $8
			WHERE endpoint_id = $1 AND message_id = $2 AND status = 'waiting' AND tries = $9`,
			endpointID, d.messageID, p.status, p.step, p.dueAt.UnixMicro(), now.UnixMicro(), o.status, o.failure, d.tries) // primary key
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_attempts (endpoint_id, message_id, number, at, took, status, failure, answer)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (endpoint_id, message_id, number) DO NOTHING`,
			endpointID, d.messageID, d.tries+1, now.UnixMicro(), o.took.Microseconds(), o.status, o.failure, o.answer); err != nil {
			return err
		}
		return noteHealth(ctx, tx, endpointID, o, now)
	})
	return wrapped("record attempt", err)
}

// noteHealth notes since when an endpoint fails, and switches it off if that is too long
// or it says that it is gone.
func noteHealth(ctx context.Context, tx *sql.Tx, endpointID string, o *outcome, now time.Time) error {
	off := `UPDATE webhook_endpoints SET enabled = FALSE, off_because = $2, notice_due = TRUE WHERE id = $1 AND enabled`
	switch {
	case o.ok():
		_, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET failing_since = 0 WHERE id = $1 AND failing_since > 0`, endpointID)
		return err
	case o.status == statusGone:
		_, err := tx.ExecContext(ctx, off, endpointID, webhookapi.ByGone)
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1 AND failing_since = 0`, endpointID, now.UnixMicro()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, off+` AND failing_since > 0 AND failing_since <= $3`, endpointID, webhookapi.ByFailing, now.Add(-offAfter).UnixMicro())
	return err
}
