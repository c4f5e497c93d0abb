// Package powercut pulls the plug. A child process sells seats on a disk that
// loses what was not fsynced; then it is killed, the disk is found as after a
// power cut, and every acknowledged booking must be there. With
// synchronous=NORMAL the same test must find losses, or it would prove nothing.
package powercut

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"boxoffice/internal/app"
	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

const (
	asChild  = "BOXOFFICE_POWERCUT_DIR"
	withSync = "BOXOFFICE_POWERCUT_SYNC"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(asChild); dir != "" {
		if err := sell(dir, os.Getenv(withSync)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sell buys and pays without end and prints each booking once it is acknowledged.
func sell(dir, synchronous string) error {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{Dir: dir, Synchronous: synchronous})
	if err != nil {
		return err
	}
	p, err := app.Build(ctx, db, app.Config{Log: slog.Default(), Payments: "sandbox"})
	if err != nil {
		return err
	}
	price, soon := int64(1000), time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)
	e, err := p.Events.Create(ctx, caller.Caller{UserID: "organizer0000000", Role: caller.Organizer}, "", eventapi.NewEvent{
		Title: "Power Cut", EventTime: &soon, Venue: eventapi.NewVenue{Name: "Hall", TimeZone: "UTC"},
		Plan: eventapi.PlanChoice{Template: "arena", Seats: 100_000}, Currency: "EUR", Price: &price, Status: eventapi.OnSale,
	})
	if err != nil {
		return err
	}
	var out sync.Mutex
	failed := make(chan error)
	for i := range 16 {
		go func() {
			for n := 0; ; n++ {
				fan := caller.Caller{UserID: fmt.Sprintf("fan-%d-%d", i, n), Role: caller.Customer, Verified: true}
				b, err := p.Bookings.Hold(ctx, fan, "", bookingapi.HoldRequest{EventID: e.ID, Selection: bookingapi.Selection{Quantity: 1}})
				if err == nil {
					_, err = p.Payments.Pay(ctx, fan, "", paymentapi.PayRequest{BookingID: b.ID, Method: paymentapi.SandboxOK})
				}
				if err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Println(b.ID)
				out.Unlock()
			}
		}()
	}
	return <-failed
}

// pull sells for a while, pulls the plug, and answers how many bookings were
// acknowledged and how many of them are lost.
func pull(t *testing.T, synchronous string, seed uint64, survives float64) (acknowledged, lost int) {
	t.Helper()
	d, dir := mount(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"="+dir, withSync+"="+synchronous)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	enough := 400 + rnd.IntN(800)
	ids := map[string]bool{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if ids[lines.Text()] = true; len(ids) == enough {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	if len(ids) < enough {
		t.Fatalf("the seller ended after %d bookings: %s", len(ids), complaints.String())
	}
	after := t.TempDir()
	d.cut(t, after, rnd, survives)
	return len(ids), missing(t, after, ids)
}

// missing counts the acknowledged bookings that a database does not have as
// booked and paid. What it has must be consistent in itself.
func missing(t *testing.T, dir string, ids map[string]bool) int {
	t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{Dir: dir})
	if err != nil {
		t.Fatalf("the database does not open after the power cut: %v", err)
	}
	defer db.Close()
	if _, err := audit.Verify(ctx, db, ""); err != nil {
		var diff bookingapi.Difference
		if errors.As(err, &diff) {
			t.Fatalf("after the power cut the ledger and the tables disagree: %v", err)
		}
		return len(ids) // not even the tables are there
	}
	rows, err := db.Reader().Query(`SELECT b.id FROM bookings b JOIN payments p ON p.booking_id = b.id WHERE b.status = 'booked' AND p.status = 'captured'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		if ids[id] {
			found++
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return len(ids) - found
}

func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a file system")
	}
	for i, survives := range []float64{0, 0, 0.5, 0.9} {
		acknowledged, lost := pull(t, "FULL", uint64(i), survives)
		t.Logf("synchronous=FULL, unsynced writes survive with %.0f %%: %d acknowledged, %d lost", 100*survives, acknowledged, lost)
		if lost > 0 {
			t.Errorf("%d of %d acknowledged bookings are lost", lost, acknowledged)
		}
	}
}

// With synchronous=NORMAL such cuts lose acknowledged bookings: this disk really
// forgets, and FULL is what saves us. A cut right after a checkpoint, which syncs,
// may lose none.
func TestPowerCutFindsLosses(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a file system")
	}
	for seed := range uint64(8) {
		acknowledged, lost := pull(t, "NORMAL", seed, 0)
		t.Logf("synchronous=NORMAL: %d acknowledged, %d lost", acknowledged, lost)
		if lost > 0 {
			return
		}
	}
	t.Fatal("nothing is lost with synchronous=NORMAL: this test does not test")
}
