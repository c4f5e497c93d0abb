package rush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Database is the database of the servers under rehearsal: how to make accounts in
// it, how to read it while they use it, the flags of "serve" that select it, and
// whether several servers can share it.
type Database struct {
	Fans   func(ctx context.Context, customers int) ([]userapi.Fan, error)
	Read   func(ctx context.Context) (*sqldb.DB, error) // nil: not to be had, the audit is over HTTP only
	Flags  []string
	Shared bool
}

// Run rehearses. Progress goes to live, the report to out. The error says that the
// rehearsal failed, or what the audit has found.
func Run(ctx context.Context, o Options, db Database, out, live io.Writer) (Report, error) {
	if err := o.check(db.Shared); err != nil {
		return Report{}, err
	}
	if o.Event == "" && (db.Read == nil || o.FansFile != "") {
		return Report{}, badOption("--target", ": without --data or --database-url, or with --fans-file, there is no organizer to create an event: give --event ID")
	}
	debug.SetGCPercent(800) // the machine is the server's, so collect rarely
	r := &rehearsal{opts: o, db: db, out: out, live: live}
	rep, err := r.run(ctx)
	if err != nil {
		return rep, err
	}
	rep.print(out, o.JSON)
	switch {
	case rep.Audit != "ok":
		return rep, fmt.Errorf("the audit found: %s", rep.Audit)
	case rep.Interrupted:
		return rep, ErrInterrupted
	}
	return rep, nil
}

// ErrInterrupted says that the report covers only a part of the on-sale.
var ErrInterrupted = errors.New("interrupted: the report is about what was done until then")

type rehearsal struct {
	opts      Options
	db        Database
	out, live io.Writer
	servers   []*server // that this has started
	mails     *postbox  // nil: nobody is mailed
	gateway   *gateway  // nil: the servers have one
	database  int       // first process of PostgreSQL when it is on this machine
	organizer Fan
	crowd     *crowd
	report    Report
}

func (r *rehearsal) run(ctx context.Context) (Report, error) {
	fmt.Fprintf(r.live, "preparing %d fans …\n", r.opts.Fans)
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	if len(r.opts.Target) == 0 {
		if r.opts.Mails {
			var err error
			if r.mails, err = openPostbox(); err != nil {
				return r.report, err
			}
			defer r.mails.close()
		}
		if r.opts.Gateway != "" {
			var err error
			if r.gateway, err = startGateway(ctx, r.opts.Gateway, r.opts.Seed); err != nil {
				return r.report, err
			}
			defer r.gateway.close()
		}
		defer r.kill()
		if err := r.start(ctx); err != nil {
			return r.report, err
		}
	}
	cl, err := newClient(r.opts.Target)
	if err != nil {
		return r.report, err
	}
	r.crowd.client = cl
	if err := r.present(ctx); err != nil {
		return r.report, err
	}
	if err := r.setStage(ctx); err != nil {
		return r.report, err
	}
	// An interruption ends the on-sale, but not the audit and the report of what was
	// done until then.
	whole := context.WithoutCancel(ctx)
	if err := r.watched(whole, func(context.Context) error { return r.rush(ctx) }); err != nil {
		return r.report, err
	}
	if r.report.Interrupted = ctx.Err() != nil; r.report.Interrupted {
		fmt.Fprintln(r.live, "interrupted; once more ends it without a report")
	}
	if err := r.audit(whole); err != nil {
		return r.report, err
	}
	r.report.judgeFeed()
	return r.report, nil
}

// prepare makes accounts and sessions before the clock starts.
func (r *rehearsal) prepare(ctx context.Context) error {
	r.crowd = &crowd{opts: r.opts, faults: map[string]int{}}
	r.report = Report{Go: runtime.Version(), CPUs: runtime.NumCPU()}
	if r.opts.FansFile != "" {
		fans, err := readFans(r.opts.FansFile, r.opts.Fans)
		r.crowd.fans = fans
		return err
	}
	if r.db.Read == nil {
		return nil
	}
	accounts, err := r.db.Fans(ctx, r.opts.Fans)
	if err != nil {
		return err
	}
	fans := make([]Fan, len(accounts))
	for i, f := range accounts {
		fans[i] = Fan{UserID: f.UserID, Token: f.Token}
	}
	r.organizer, r.crowd.fans = fans[0], fans[1:]
	return r.about(ctx)
}

// about reads the kind and version of the database.
func (r *rehearsal) about(ctx context.Context) error {
	db, err := r.db.Read(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	about, err := db.About(ctx)
	if err != nil {
		return err
	}
	r.report.Database, r.report.Fsync = about.Database, about.Fsync
	if about.Process != 0 {
		r.database = postmaster(about.Process)
	}
	return nil
}

// cpu is the processor time used so far: by the servers, by their database (0 for
// those that run elsewhere or ran before), and by the fans.
type cpu struct{ servers, database, fans time.Duration }

func (r *rehearsal) cpu() (c cpu) {
	for _, s := range r.servers {
		c.servers += CPUTime(s.cmd.Process.Pid)
	}
	if r.database != 0 {
		c.database = CPUTime(r.database)
	}
	c.fans = ownTime(os.Getpid())
	return c
}

// setStage joins the given event, or opens the first one.
func (r *rehearsal) setStage(ctx context.Context) error {
	limit := min(bookingapi.MaxPerPerson, max(bookingapi.DefaultPerPerson, 2*r.opts.Seats/len(r.crowd.fans)+1))
	s := &stage{call: r.crowd.client.call(), organizer: r.organizer.Token, seats: r.opts.Seats, limit: limit, more: r.opts.Duration > 0 && r.opts.Event == ""}
	var sh *show
	var err error
	switch {
	case r.opts.Event != "":
		sh, err = s.join(ctx, r.opts.Event)
	default:
		sh, err = s.open(ctx, 0)
	}
	if err != nil {
		return err
	}
	r.opts.Seats = len(sh.plan.Seats)
	s.seats = r.opts.Seats
	s.now.Store(sh)
	r.crowd.stage = s
	r.crowd.owned = make([]atomic.Int32, len(r.crowd.fans))
	return nil
}

// rush is the on-sale itself.
func (r *rehearsal) rush(ctx context.Context) error {
	c := r.crowd
	limit := 10 * time.Minute // nothing takes so long; then something is wrong
	if r.opts.Duration > 0 {
		limit = r.opts.Duration
	}
	ctx, end := context.WithTimeout(ctx, limit)
	defer end()
	before := r.cpu()
	c.start = time.Now()
	sh := c.stage.now.Load()
	sh.opens = c.start
	watching, stopWatching := context.WithCancel(ctx)
	var around sync.WaitGroup
	around.Go(func() { c.stage.watch(watching, func(err error) { c.fault("watch: %v", err) }) })
	v := newView(r)
	around.Go(func() { v.run(watching) })
	switch {
	case r.opts.Burst:
		r.burst(ctx)
	case r.opts.Rate > 0:
		r.openLoop(ctx)
	default:
		r.closedLoop(ctx, sh)
	}
	after := r.cpu()
	if r.mails != nil {
		r.report.Mails = r.mails.got.Load()
	}
	stopWatching()
	around.Wait()
	v.done()
	r.figures(cpu{after.servers - before.servers, after.database - before.database, after.fans - before.fans}, sh)
	return nil
}

// closedLoop sends fans as fast as they are served: until the event is sold out or
// nobody may buy any more or, with a duration, until that is over.
func (r *rehearsal) closedLoop(ctx context.Context, first *show) {
	c := r.crowd
	queue := make(chan int, len(c.fans))
	for _, i := range rand.New(rand.NewPCG(r.opts.Seed, 0)).Perm(len(c.fans)) {
		queue <- i
	}
	var busy sync.WaitGroup
	var satisfied atomic.Int64
	var at atomic.Pointer[show]
	at.Store(first)
	full := make(chan struct{})
	over := first.over
	if r.opts.Duration > 0 {
		over = nil // further events follow
	}
	c.back = func(fan int) {
		if int(c.owned[fan].Load()) < c.stage.now.Load().limit || r.opts.Duration > 0 {
			queue <- fan
		} else if satisfied.Add(1) == int64(len(c.fans)) {
			close(full)
		}
	}
	for id := range min(r.opts.InFlight, len(c.fans)) {
		busy.Go(func() {
			w := c.worker(id + 1)
			defer w.call.done()
			for {
				var fan int
				select {
				case <-ctx.Done():
					return
				case <-full:
					return
				case <-over:
					return
				case fan = <-queue:
				}
				if now := c.stage.now.Load(); now != at.Load() && at.Swap(now) != now {
					for i := range c.owned { // another event, another limit
						c.owned[i].Store(0)
					}
				}
				if !w.visit(ctx, fan, time.Now()) {
					c.back(fan)
				}
				if c.stage.now.Load().left.Load() <= 0 {
					time.Sleep(5 * time.Millisecond) // nothing is free at the moment
				}
			}
		})
	}
	busy.Wait()
	c.aside.Wait()
}

// openLoop starts visits at a fixed rate. A visit without a free worker waits, and
// the wait counts: latencies are measured from the intended start.
func (r *rehearsal) openLoop(ctx context.Context) {
	c := r.crowd
	due := make(chan time.Time, 100_000)
	var busy sync.WaitGroup
	var next atomic.Int64
	c.back = func(int) {} // nobody comes a second time
	for id := range min(r.opts.InFlight, len(c.fans)) {
		busy.Go(func() {
			w := c.worker(id + 1)
			defer w.call.done()
			for since := range due {
				fan := int(next.Add(1)) % len(c.fans)
				c.owned[fan].Store(0)
				w.visit(context.WithoutCancel(ctx), fan, since)
			}
		})
	}
	gap := time.Duration(float64(time.Second) / r.opts.Rate)
	for at := time.Now(); ctx.Err() == nil; at = at.Add(gap) {
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait)
		}
		select {
		case due <- at:
		default:
			c.fault("the server is so far behind that fans gave up queueing")
		}
	}
	close(due)
	busy.Wait()
	c.aside.Wait()
}

// burst makes every fan press hold once, all within one second.
func (r *rehearsal) burst(ctx context.Context) {
	c := r.crowd
	sh := c.stage.now.Load()
	var busy sync.WaitGroup
	begin := time.Now().Add(200 * time.Millisecond)
	for i := range c.fans {
		busy.Go(func() {
			w := c.worker(i + 1)
			defer w.call.done()
			seat := w.rnd.IntN(len(sh.plan.Seats))
			w.body = fmt.Appendf(nil, `{"event_id":%q,"seats":[%q]}`, sh.id, sh.plan.Seats[seat].Label)
			at := begin.Add(time.Duration(w.rnd.Int64N(int64(time.Second))))
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(at)):
			}
			w.ask(i, time.Since(at), nil)
		})
	}
	busy.Wait()
}

// figures fills in the report.
func (r *rehearsal) figures(used cpu, first *show) {
	c, rep := r.crowd, &r.report
	took := time.Duration(c.lastAnswer.Load() - c.firstHold.Load()).Seconds()
	rep.Fans, rep.Seats = len(c.fans), r.opts.Seats
	rep.Sold, rep.Purchases = c.sold.Load(), c.purchases.Load()
	if took > 0 {
		rep.PurchasesPerS = round1(float64(rep.Purchases) / took)
		rep.HoldsPerS = round1(float64(c.holdsOK.Load()) / took)
		rep.RejectsPerS = round1(float64(c.rejects.Load()) / took)
	}
	rep.Seconds = round1(took)
	if t := first.ended.Load(); t > 0 {
		rep.SecondsToSellOut = round1(time.Duration(t).Seconds())
	} else if n := len(c.stage.shows); n > 1 {
		rep.SecondsToSellOut = round1(c.stage.shows[1].opens.Sub(first.opens).Seconds())
	}
	rep.P50, rep.P95, rep.P99 = ms(c.hold.quantile(.5)), ms(c.hold.quantile(.95)), ms(c.hold.quantile(.99))
	rep.PurchaseP99, rep.PaymentP99 = ms(c.purchase.quantile(.99)), ms(c.payment.quantile(.99))
	rep.CapturedMean, rep.CapturedP99 = ms(c.captured.mean()), ms(c.captured.quantile(.99))
	if rep.Purchases > 0 {
		each := func(d time.Duration) float64 { return round1(float64(d.Microseconds()) / float64(rep.Purchases)) }
		rep.CPUPerPurchase, rep.DatabaseCPU, rep.RushCPU = each(used.servers), each(used.database), each(used.fans)
	}
	rep.Nodes = len(c.client.nodes)
	rep.Requests = c.client.requests.Load()
	rep.Unavailable, rep.SentAgain = c.client.unavailable.Load(), c.client.again.Load()
	rep.Errors = c.errors.Load()
	rep.faults = c.faults
}

// audit checks the database or, without access to it, what HTTP answers.
func (r *rehearsal) audit(ctx context.Context) error {
	rep := &r.report
	for _, sh := range r.crowd.stage.shows {
		rep.events = append(rep.events, sh.id)
	}
	if r.db.Read == nil {
		return r.auditOverHTTP()
	}
	rep.Scope = "database"
	db, err := r.db.Read(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Fprintln(r.live, "auditing …")
	a := Audit{Acknowledged: map[string]string{}, Cancelled: map[string]bool{}, Unclear: map[string]bool{}, Strangers: r.crowd.strangers.Load()}
	if err := a.quiet(ctx, db, rep.events); err != nil {
		return err
	}
	if err := r.delivered(ctx, db); err != nil {
		return err
	}
	if err := r.stop(); err != nil {
		return err
	}
	for _, k := range r.crowd.acks {
		a.Acknowledged[k.booking] = k.fan.UserID
		a.Cancelled[k.booking], a.Unclear[k.booking] = k.cancelled, k.unclear
	}
	for _, id := range rep.events {
		if err := a.Event(ctx, db, id); err != nil {
			return err
		}
	}
	r.notSold(a.made)
	if r.gateway != nil {
		b, err := r.gateway.readBooks(ctx)
		if err == nil {
			err = a.books(ctx, db, b)
		}
		if err != nil {
			return err
		}
		rep.Charges = len(b.Charges)
	}
	a.finish()
	rep.DoubleSold, rep.LostBookings, rep.OrphanPayments, rep.ChainOK, rep.Audit = a.DoubleSold, a.LostBookings, a.OrphanPayments, a.ChainOK, a.Verdict()
	rep.checked = &a
	return nil
}

// notSold takes the seats of cancellations without an answer that were made off what was sold.
func (r *rehearsal) notSold(made map[string]bool) {
	for _, k := range r.crowd.acks {
		if k.unclear && made[k.booking] {
			r.report.Sold -= int64(k.seats)
		}
	}
}

// auditOverHTTP asks the server for every acknowledged booking.
func (r *rehearsal) auditOverHTTP() error {
	rep := &r.report
	rep.Scope, rep.Audit, rep.ChainOK = "http", "ok", true
	call := r.crowd.client.call()
	defer call.done()
	seats, made := map[string]string{}, map[string]bool{}
	for _, k := range r.crowd.acks {
		var b struct {
			Status bookingapi.Status `json:"status"`
			Seats  []struct {
				Label string `json:"label"`
			} `json:"seats"`
		}
		if err := call.get("/bookings/"+k.booking, k.fan.Token, &b); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if k.cancelled || k.unclear && b.Status == bookingapi.Cancelled {
			made[k.booking] = true
			continue
		}
		if b.Status != bookingapi.Booked {
			rep.LostBookings++
		}
		for _, s := range b.Seats {
			if other := seats[s.Label]; other != "" && other != k.booking {
				rep.DoubleSold++
			}
			seats[s.Label] = k.booking
		}
	}
	r.notSold(made)
	switch {
	case rep.LostBookings > 0:
		rep.Audit = fmt.Sprintf("%d acknowledged bookings are not booked", rep.LostBookings)
	case rep.DoubleSold > 0:
		rep.Audit = fmt.Sprintf("%d seats were sold twice", rep.DoubleSold)
	case r.crowd.strangers.Load() > 0:
		rep.Audit = fmt.Sprintf("%d answers held another fan's data", r.crowd.strangers.Load())
	}
	return nil
}

// TempDir makes a data folder, which remove deletes.
func TempDir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "boxoffice-rush-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
