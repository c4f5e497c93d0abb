package rush

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/settings"
)

// DoorCommand rehearses an evening at the doors from the command line.
type DoorCommand struct {
	DoorOptions
	Data        string `help:"Folder of the embedded database, which is kept afterwards." unset:"a fresh folder, removed afterwards" placeholder:"DIR"`
	DatabaseURL string `help:"PostgreSQL to use instead of the embedded database. Example: postgres:///rehearsal." placeholder:"URL"`
}

// DoorOptions configure a rehearsal of the door.
type DoorOptions struct {
	Gates    int           `help:"Number of gates, 2 to 400." default:"50"`
	Tickets  int           `help:"Number of tickets that are sold, 100 to 200000." default:"80000"`
	Duration time.Duration `help:"How long guests come. Example: 60s." default:"60s" placeholder:"D"`
	Pace     float64       `help:"How many guests come per second, at all gates together." default:"200" placeholder:"N"`
	Flood    time.Duration `help:"How long tickets are scanned as fast as the nodes answer, after the evening. Example: 5s." default:"5s" placeholder:"D"`
	Within   time.Duration `help:"How soon a ticket that let in two must be reported, once the gates and a node can be reached again. Example: 1s." default:"1s" placeholder:"D"`
	Seed     uint64        `help:"A number; guests, clocks and faults are the same in rehearsals with the same seed." default:"1"`
	Nodes    int           `help:"Number of servers to start on one database, up to 16; more than one needs --database-url." default:"1"`
	JSON     bool          `help:"Print the report as one JSON object on the last line."`
}

// check refuses invalid options; shared tells whether several servers can use the database.
func (o *DoorOptions) check(shared bool) error {
	switch {
	case o.Gates < 2 || o.Gates > 400:
		return badOption("--gates", " must be 2 to 400")
	case o.Tickets < 100 || o.Tickets > 200_000:
		return badOption("--tickets", " must be 100 to 200000")
	case o.Duration < time.Second || o.Duration > time.Hour:
		return badOption("--duration", " must be 1s to 1h")
	case o.Pace < 1 || o.Pace > 10_000:
		return badOption("--pace", " must be 1 to 10000")
	case o.Flood < 0 || o.Flood > time.Minute:
		return badOption("--flood", " must be at most 1m")
	case o.Within <= 0 || o.Within > time.Minute:
		return badOption("--within", " must be at most 1m")
	case o.Nodes < 1 || o.Nodes > 16:
		return badOption("--nodes", " must be 1 to 16")
	case o.Nodes > 1 && !shared:
		return badOption("--nodes", ": the embedded database serves one node; give --database-url for more")
	}
	return nil
}

// Run rehearses and reports; the error says which promise was broken.
func (c DoorCommand) Run(ctx context.Context, o Office, out, live io.Writer) error {
	s := settings.Storage{Data: c.Data, DatabaseURL: c.DatabaseURL}
	db, remove, err := o.database(s, false, func(ctx context.Context, s settings.Storage) error {
		return Command{Data: s.Data, DatabaseURL: s.DatabaseURL}.admit(ctx, o, s)
	})
	if err != nil {
		return err
	}
	defer remove()
	if !c.JSON {
		live = out
	}
	_, err = RunDoor(ctx, c.DoorOptions, db, out, live)
	return failed(err)
}

// RunDoor rehearses the door. Progress goes to live, the report to out. The error says that
// the rehearsal failed, or which promise was broken.
func RunDoor(ctx context.Context, o DoorOptions, db Database, out, live io.Writer) (DoorReport, error) {
	if err := o.check(db.Shared); err != nil {
		return DoorReport{}, err
	}
	debug.SetGCPercent(800) // the machine is the server's, so collect rarely
	e := &evening{
		opts: o, live: live, house: rehearsal{opts: Options{Nodes: o.Nodes}, db: db, live: live},
		faults: map[string]int{}, reported: map[string]time.Time{},
		report: DoorReport{Gates: o.Gates, Tickets: o.Tickets, Nodes: o.Nodes, Go: runtime.Version(), CPUs: runtime.NumCPU()},
	}
	defer e.house.kill()
	if err := e.run(ctx); err != nil {
		return e.report, err
	}
	e.report.print(out, o.JSON)
	if e.report.Audit != "ok" {
		return e.report, fmt.Errorf("the audit found: %s", e.report.Audit)
	}
	return e.report, nil
}

func (e *evening) run(ctx context.Context) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	if err := e.evening(ctx); err != nil {
		return err
	}
	return e.flood(ctx)
}

// seatsEach is how many seats a fan buys; an account may have 100.
const seatsEach = 60

// prepare starts the nodes, sells the tickets, and pairs the gates.
func (e *evening) prepare(ctx context.Context) error {
	accounts, err := e.house.db.Fans(ctx, max(2, e.opts.Tickets/seatsEach))
	if err != nil {
		return err
	}
	fans := make([]Fan, len(accounts)-1)
	for i, f := range accounts[1:] {
		fans[i] = Fan{UserID: f.UserID, Token: f.Token}
	}
	if err := e.house.about(ctx); err != nil {
		return err
	}
	e.report.Database, e.report.Fsync = e.house.report.Database, e.house.report.Fsync
	if err := e.house.start(ctx); err != nil {
		return err
	}
	cl, err := newClient(e.house.opts.Target)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.live, "selling %s tickets … (profiles on %s)\n", thousands(int64(e.opts.Tickets)), e.house.servers[0].ops)
	if e.hall, err = openHall(ctx, cl, accounts[0].Token, fans, e.opts.Tickets); err != nil {
		return err
	}
	fmt.Fprintf(e.live, "pairing %d gates …\n", e.opts.Gates)
	rnd := rand.New(rand.NewPCG(e.opts.Seed, 3))
	call := cl.call()
	defer call.done()
	for i := range e.opts.Gates {
		device, token, err := e.hall.pair(call, fmt.Sprintf("Gate %d", i+1))
		if err != nil {
			return err
		}
		e.gates = append(e.gates, &gate{
			evening: e, id: i, device: device, link: newLink(cl, token, i), rnd: rand.New(rand.NewPCG(e.opts.Seed, uint64(i)+1<<40)),
			skew: anySkew(rnd), wake: make(chan struct{}), double: map[string]time.Time{}, acked: map[int64]bool{},
		})
	}
	return e.coldSync(ctx)
}

// evening lets the guests come, amidst all troubles, and audits.
func (e *evening) evening(ctx context.Context) error {
	e.start = time.Now()
	following, leave := context.WithCancel(ctx)
	defer leave()
	var staff sync.WaitGroup
	defer staff.Wait()
	defer leave()
	for _, g := range e.gates {
		if err := g.start(); err != nil {
			return err
		}
		staff.Go(func() { g.follow(following) })
	}
	staff.Go(func() { e.watch(following) })
	e.start = time.Now()
	var around sync.WaitGroup
	for i, list := range e.forecast() {
		around.Go(func() { e.suffer(ctx, e.gates[i], list) })
	}
	around.Go(func() { e.restartNodes(ctx) })
	staff.Go(func() { e.progress(following) })
	e.guests(ctx)
	around.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := e.settle(ctx); err != nil {
		return err
	}
	fmt.Fprintln(e.live, "auditing …")
	return e.audit(ctx)
}

// progress says how it goes, once a second.
func (e *evening) progress(ctx context.Context) {
	last := int64(0)
	_ = jobs.Every(ctx, time.Second, nil, func(context.Context) error {
		offline := 0
		for _, g := range e.gates {
			g.mu.Lock()
			if !g.online {
				offline++
			}
			g.mu.Unlock()
		}
		n := e.scans.Load()
		fmt.Fprintf(e.live, "%5.1fs  %8s scans  %5s/s   %d gates online, %d alone   answer p99 %.1f ms\n", time.Since(e.start).Seconds(), thousands(n), thousands(n-last),
			len(e.gates)-offline, offline, ms(e.asked.quantile(.99)))
		last = n
		return nil
	})
}

// settle waits until all gates are online and have sent what they have scanned, and know of
// each other's scans.
func (e *evening) settle(ctx context.Context) error {
	const longest = 30 * time.Second
	for end := time.Now().Add(longest); ; pause(ctx, 50*time.Millisecond) {
		why := ""
		heard := map[int]int{} // gates, by how many scans they know
		for _, g := range e.gates {
			g.mu.Lock()
			if !g.online || len(g.disk.waiting) > 0 {
				why = fmt.Sprintf("gate %d is online: %v; %d of its scans wait", g.id, g.online, len(g.disk.waiting))
			}
			heard[g.mind.Scans()]++
			g.mu.Unlock()
		}
		if why == "" && len(heard) > 1 {
			why = fmt.Sprintf("the gates do not know the same scans: %v", heard)
		}
		switch {
		case why == "" || ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			return fmt.Errorf("after %v, %s", longest, why)
		}
	}
}

// flood measures how many scans the nodes take.
func (e *evening) flood(ctx context.Context) error {
	if e.opts.Flood == 0 {
		return nil
	}
	var tokens []string
	for _, p := range e.hall.bookings {
		if !p.came {
			tokens = append(tokens, p.tokens...)
		}
	}
	fmt.Fprintln(e.live, "scanning as fast as the nodes answer …")
	devices, err := e.hall.pairTurnstiles()
	if err != nil {
		return err
	}
	before := e.house.cpu()
	f, err := e.hall.flood(ctx, devices, tokens, e.opts.Flood)
	if err != nil {
		return err
	}
	after := e.house.cpu()
	r := &e.report
	r.FloodScans, r.FloodPerS = f.scans, round1(float64(f.scans)/f.took.Seconds())
	r.FloodP50, r.FloodP99 = ms(f.answer.quantile(.5)), ms(f.answer.quantile(.99))
	if f.scans > 0 {
		each := func(d time.Duration) float64 { return round1(float64(d.Microseconds()) / float64(f.scans)) }
		r.CPUPerScan, r.DatabaseCPU = each(after.servers-before.servers), each(after.database-before.database)
	}
	return nil
}
