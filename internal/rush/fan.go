package rush

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/paymentapi"
)

// Fan is an account with a session, or with the credentials to log in.
type Fan struct {
	UserID   string `json:"user_id"` // "" when it is not known
	Token    string `json:"token"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// acknowledged is a booking that a fan was told is paid.
type acknowledged struct {
	booking   string
	fan       *Fan
	cancelled bool // and then that it was cancelled
	unclear   bool // and then nothing, when they cancelled it
	seats     int
}

// crowd is the state that all fans share.
type crowd struct {
	opts   Options
	client *client
	stage  *stage
	fans   []Fan

	audience *audience // nil without viewers

	owned []atomic.Int32 // number of seats that each fan has of the event on sale

	aside sync.WaitGroup // fans who wait for their payment and are not in anybody's way
	back  func(fan int)  // called for each of them in the end

	holds, holdsOK, rejects atomic.Int64
	purchases, sold         atomic.Int64
	strangers               atomic.Int64 // answers with somebody else's data
	errors                  atomic.Int64
	hold, payment, purchase hist
	captured                hist         // from the payment request until it is captured, whether it is waited for or not
	firstHold, lastAnswer   atomic.Int64 // ns since start
	start                   time.Time

	mu     sync.Mutex
	acks   []acknowledged
	faults map[string]int
}

// fault counts an error by its text.
func (c *crowd) fault(format string, args ...any) {
	c.errors.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(c.faults) < 20 || c.faults[text] > 0 {
		c.faults[text]++
	}
}

func (c *crowd) answered() { c.lastAnswer.Store(int64(time.Since(c.start))) }

// worker simulates one fan after another.
type worker struct {
	*crowd
	call   *call
	rnd    *rand.Rand
	body   []byte
	status []byte // of a section, as last read
	n      int    // visits so far, for idempotency keys
	id     int
	began  time.Time // when the first hold of this visit was sent
}

func (c *crowd) worker(id int) *worker {
	return &worker{crowd: c, call: c.client.call(), rnd: rand.New(rand.NewPCG(c.opts.Seed, uint64(id))), id: id}
}

func (w *worker) think(ctx context.Context) {
	if w.opts.Think <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(w.rnd.Int64N(int64(w.opts.Think) * 2))):
	}
}

// party returns how many seats a fan wants.
func (w *worker) party() int {
	switch n := w.rnd.IntN(100); {
	case n < 30:
		return 1
	case n < 75:
		return 2
	case n < 85:
		return 3
	}
	return 4
}

// visit is one fan's attempt to get seats: look at the map, try for good ones, lose,
// try again elsewhere, pay. It reports whether the fan still waits for the payment, aside;
// back is called when they no longer do. since is when the fan meant to begin: a late start
// counts as waiting for the first hold.
func (w *worker) visit(ctx context.Context, fan int, since time.Time) bool {
	late := time.Since(since)
	w.began = time.Time{}
	sh := w.stage.now.Load()
	want := min(w.party(), sh.limit)
	if have := int(w.owned[fan].Load()); have+want > sh.limit {
		want = sh.limit - have
	}
	for try := 0; try < 4 && want > 0 && ctx.Err() == nil; try++ {
		if left := int(sh.left.Load()); left < want*8 && left < 200 {
			want = 1 // only single seats are left
		}
		sec := sh.section(w.rnd)
		if sec < 0 {
			return false
		}
		w.think(ctx)
		b, ok := w.try(ctx, sh, sec, fan, want, late)
		if ok {
			return w.settle(ctx, sh, fan, b)
		}
		late = 0
	}
	return false
}

// held is what a fan reads from the answer to a hold.
type held struct {
	id, userID string
	seq        int64
	seats      int
}

func readHeld(raw []byte) held {
	seq, _ := strconv.ParseInt(string(member(raw, "seq")), 10, 64) // 0 if it is missing
	return held{string(text(raw, "id")), string(text(raw, "user_id")), seq, elements(member(raw, "seats"))}
}

// try reads a section's map and requests seats there, repeatedly while the map shows
// free ones.
func (w *worker) try(ctx context.Context, sh *show, sec, fan, want int, late time.Duration) (*held, bool) {
	s := &sh.plan.Sections[sec]
	if s.GeneralAdmission || w.rnd.IntN(10) == 0 {
		w.body = fmt.Appendf(w.body[:0], `{"event_id":%q,"quantity":%d,"section":%q}`, sh.id, want, s.ID)
		return w.ask(fan, late, nil)
	}
	code, raw, err := w.call.send("GET", "/events/"+sh.id+"/seats?form=compact&section="+s.ID, "", "", nil)
	status := text(raw, "status")
	if err != nil || code != 200 || status == nil {
		w.fault("seat map: status %d, %v: %.120s", code, err, raw)
		return nil, false
	}
	status = append(w.status[:0], status...) // the answer's memory is reused
	w.status = status
	for range 3 {
		at := w.pick(sh, sec, status, want)
		if at < 0 && want > 1 {
			want = 1
			at = w.pick(sh, sec, status, want)
		}
		if at < 0 || ctx.Err() != nil {
			return nil, false
		}
		w.body = fmt.Appendf(w.body[:0], `{"event_id":%q,"seats":[`, sh.id)
		for i := range want {
			if i > 0 {
				w.body = append(w.body, ',')
			}
			w.body = strconv.AppendQuote(w.body, sh.plan.Seats[s.First+at+i].Label)
		}
		w.body = append(w.body, `]}`...)
		b, ok := w.ask(fan, late, func() {
			for i := range want { // another fan was faster; look elsewhere
				status[at+i] = 's'
			}
		})
		if ok {
			return b, true
		}
		late = 0
	}
	return nil, false
}

// pick looks for adjacent free seats in a row, starting at a random row that is more
// likely near the front; -1 if there are none. It returns the position relative to
// the section's first seat.
func (w *worker) pick(sh *show, sec int, status []byte, want int) int {
	s := &sh.plan.Sections[sec]
	if len(s.Rows) == 0 {
		return -1
	}
	first := min(w.rnd.IntN(len(s.Rows)), w.rnd.IntN(len(s.Rows)))
	for i := range s.Rows {
		row := s.Rows[(first+i)%len(s.Rows)]
		from, run := row.First-s.First, 0
		skip := w.rnd.IntN(max(1, row.Count))
		for pass := range 2 { // from a random seat to the end, then from the beginning
			run = 0
			for k := range row.Count {
				if pass == 0 && k < skip {
					continue
				}
				if at := from + k; at < len(status) && status[at] == '.' {
					if run++; run == want {
						return at - want + 1
					}
				} else {
					run = 0
				}
			}
		}
	}
	return -1
}

// ask sends the hold in body. Occasionally it sends it twice with the same key; both
// must lead to the same booking.
func (w *worker) ask(fan int, late time.Duration, lost func()) (*held, bool) {
	w.n++
	key := fmt.Sprintf("%d-%d-%d", w.opts.Seed, w.id, w.n)
	f := &w.fans[fan]
	if w.firstHold.Load() == 0 {
		w.firstHold.CompareAndSwap(0, int64(time.Since(w.start)))
	}
	w.holds.Add(1)
	sent := time.Now()
	if w.began.IsZero() {
		w.began = sent
	}
	status, raw, err := w.call.send("POST", "/bookings", f.Token, key, w.body)
	w.hold.add(time.Since(sent) + late)
	w.answered()
	switch {
	case err != nil:
		w.fault("hold: %v", err)
	case status == 201:
		return w.won(fan, key, raw)
	case status == 409:
		w.rejects.Add(1)
		if lost != nil {
			lost()
		}
	default:
		w.fault("hold: status %d: %.120s", status, raw)
	}
	return nil, false
}

func (w *worker) won(fan int, key string, raw []byte) (*held, bool) {
	b := readHeld(raw)
	if len(b.id) < 16 || b.seats == 0 {
		w.fault("hold: answer is unreadable: %.120s", raw)
		return nil, false
	}
	w.holdsOK.Add(1)
	w.audience.answered(b.id, b.seq)
	f := &w.fans[fan]
	if f.UserID != "" && b.userID != f.UserID {
		w.strangers.Add(1)
	}
	if w.rnd.IntN(50) == 0 {
		status, raw, err := w.call.send("POST", "/bookings", f.Token, key, w.body)
		if again := readHeld(raw).id; err != nil || status != 201 || again != b.id {
			w.fault("the same request sent twice: status %d, %v, booking %s and %s", status, err, b.id, again)
		}
	}
	w.owned[fan].Add(int32(b.seats))
	return &b, true
}

// settle is what a fan does with a hold: most pay at once; some release it, first
// try a card that is declined, let it expire, or cancel the booking afterwards. A fan who
// is told that the payment takes a while stands aside: others are served meanwhile, and
// settle reports true.
func (w *worker) settle(ctx context.Context, sh *show, fan int, b *held) bool {
	sh.deciding.Add(1)
	defer sh.deciding.Add(-1)
	f := &w.fans[fan]
	w.think(ctx)
	switch n := w.rnd.IntN(200); {
	case n < 2:
		w.cancel(sh, fan, b, 200)
		w.answered()
		return false
	case n == 2 && w.opts.Duration > 0:
		return false // forgotten in another window
	case n < 5:
		status, _, err := w.pay(f, b, paymentapi.SandboxDecline, "-declined")
		if status == 202 && err == nil {
			status, err = w.wait(f, b)
		}
		if err != nil || status != 402 {
			w.fault("declined card: status %d, %v", status, err)
		}
	}
	began, takesBack := time.Now(), w.rnd.IntN(100) == 0
	status, raw, err := w.pay(f, b, paymentapi.SandboxOK, "-paid")
	w.payment.add(time.Since(began))
	w.answered()
	if status != 202 || err != nil {
		if err != nil || status != 201 {
			w.fault("payment: status %d, %v: %.120s", status, err, raw)
			return false
		}
		w.bought(sh, fan, b, began, takesBack)
		return false
	}
	sh.deciding.Add(1)
	aside := &worker{crowd: w.crowd, call: w.client.call(), began: w.began}
	w.aside.Go(func() {
		defer sh.deciding.Add(-1)
		defer w.back(fan)
		defer aside.call.done()
		if status, err := aside.wait(f, b); err != nil || status != 201 {
			aside.fault("payment: status %d, %v", status, err)
			return
		}
		aside.bought(sh, fan, b, began, takesBack)
	})
	return true
}

// bought notes a purchase, which some cancel afterwards.
func (w *worker) bought(sh *show, fan int, b *held, began time.Time, takesBack bool) {
	w.captured.add(time.Since(began))
	w.purchase.add(time.Since(w.began))
	w.purchases.Add(1)
	w.sold.Add(int64(b.seats))
	ack := acknowledged{booking: b.id, fan: &w.fans[fan], seats: b.seats}
	if takesBack {
		ack.cancelled, ack.unclear = w.cancel(sh, fan, b, 200)
	}
	if ack.cancelled {
		w.sold.Add(-int64(b.seats))
	}
	w.mu.Lock()
	w.acks = append(w.acks, ack)
	w.mu.Unlock()
}

func (w *worker) pay(f *Fan, b *held, method, key string) (int, []byte, error) {
	w.body = fmt.Appendf(w.body[:0], `{"booking_id":%q,"method":%q}`, b.id, method)
	status, raw, err := w.call.send("POST", "/payments", f.Token, b.id[16:]+key, w.body)
	if status == 201 && err == nil {
		if booking := text(raw, "booking_id"); booking != nil && string(booking) != b.id {
			w.strangers.Add(1)
		}
		if state := text(raw, "status"); paymentapi.Status(state) != paymentapi.Captured {
			err = fmt.Errorf("payment is %q", state)
		}
	}
	return status, raw, err
}

// wait polls a slow payment until it is done, and returns what a fast one is answered.
func (w *worker) wait(f *Fan, b *held) (int, error) {
	var p struct {
		Status paymentapi.Status `json:"status"`
	}
	const longest = 2 * time.Minute
	for waited, pause := time.Duration(0), 100*time.Millisecond; waited < longest; pause = min(pause*3/2, time.Second) {
		time.Sleep(pause)
		waited += pause
		err := w.call.get("/payments/booking/"+b.id, f.Token, &p)
		w.call.done() // others use the connection during the pauses
		if err != nil {
			return 0, err
		}
		switch p.Status {
		case paymentapi.Captured:
			return 201, nil
		case paymentapi.Failed:
			return 402, nil
		}
	}
	return 202, fmt.Errorf("payment is %s after %v", p.Status, longest)
}

// cancel gives a booking back. Without an answer, or with one that only says that something
// failed, it is unclear whether that was done.
func (w *worker) cancel(sh *show, fan int, b *held, want int) (done, unclear bool) {
	sh.returns.Add(1)
	status, raw, err := w.call.send("DELETE", "/bookings/"+b.id, w.fans[fan].Token, "", nil)
	if err != nil || status != want {
		w.fault("cancel: status %d, %v: %.120s", status, err, raw)
		return false, err != nil || status >= 500
	}
	w.owned[fan].Add(-int32(b.seats))
	return true, false
}
