package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/smtp"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// Environment of a process that is a node of TestMailingSurvivesKills.
const (
	nodeDir  = "BOXOFFICE_TEST_NODE_DIR"
	nodeURL  = "BOXOFFICE_TEST_NODE_URL"
	nodePort = "BOXOFFICE_TEST_NODE_PORT"
	nodeSold = "BOXOFFICE_TEST_NODE_SOLD"
)

// The node of TestMailingSurvivesKills: it ends when the mailing has ended.
func TestNodeToBeKilled(t *testing.T) {
	port, err := strconv.Atoi(os.Getenv(nodePort))
	if err != nil {
		t.Skip("TestMailingSurvivesKills starts it")
	}
	sold, err := strconv.Atoi(os.Getenv(nodeSold))
	if err != nil {
		t.Fatal(err)
	}
	db := sqldbtest.Again(t, sqldb.Config{Dir: os.Getenv(nodeDir), URL: os.Getenv(nodeURL)})
	defer func() { _ = db.Close() }()
	sender, err := smtp.New(smtp.Config{Host: "127.0.0.1", Port: port, Clear: true, From: mail.Address{Address: "a@hall.example"}, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	c := &concert{&world{db: db}, &hall{}}
	c.fill("a", sold)
	s := c.node(t, func(cfg *Config) { cfg.Sender = sender })
	start(t, s, reminder("m"))
	runs(t, s)
	for of(t, s, "m").Ended.IsZero() {
		time.Sleep(50 * time.Millisecond)
	}
}

// arrivals are the mails that a server has taken.
type arrivals struct {
	mu    sync.Mutex
	times map[string]int // by Message-ID
	all   int
}

func (a *arrivals) took(messageID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times[messageID]++
	a.all++
}

func (a *arrivals) counts() (all, different int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all, len(a.times)
}

// A process that carries out a mailing is killed several times, while it writes pages
// and while it sends, and started again. Everybody is told. A mail is sent twice only if
// the server had taken it in the moment of a kill, and then with the same Message-ID.
// BOXOFFICE_TEST_RECIPIENTS says how many are told.
func TestMailingSurvivesKills(t *testing.T) {
	sold, err := strconv.Atoi(os.Getenv("BOXOFFICE_TEST_RECIPIENTS"))
	if err != nil {
		sold = 1500
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := sqldbtest.Fresh(t)
	server := &arrivals{times: map[string]int{}}
	port := sink(t, server.took)
	run := func() (cmd *exec.Cmd, ended chan error) {
		cmd = exec.CommandContext(t.Context(), program, "-test.run=^TestNodeToBeKilled$")
		cmd.Env = append(os.Environ(), nodeDir+"="+cfg.Dir, nodeURL+"="+cfg.URL, nodePort+"="+strconv.Itoa(port), nodeSold+"="+strconv.Itoa(sold))
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended = make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		return cmd, ended
	}
	kills := []int{1, sold / 20, sold / 5, sold / 2, sold * 9 / 10} // when so many different mails have arrived
	began := time.Now()
	for _, at := range kills {
		cmd, ended := run()
		for _, n := server.counts(); n < at; _, n = server.counts() {
			select {
			case err := <-ended: // all were told before it could be killed, or it has failed
				if _, n = server.counts(); n < sold {
					t.Fatalf("it ended with %d of %d mails: %v", n, sold, err)
				}
				ended <- err
			case <-time.After(time.Millisecond):
			}
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		<-ended
		if cfg.URL != "" { // what it had claimed is free after claimLife: that is now
			expireClaims(t, cfg)
		}
	}
	_, ended := run()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	all, different := server.counts()
	t.Logf("%d recipients, %d kills, %.1f s: %d mails, %d sent again", sold, len(kills), time.Since(began).Seconds(), all, all-different)
	if different != sold {
		t.Errorf("%d of %d were told", different, sold)
	}
	if again := all - different; again > len(kills)*(2*mostUnrecorded+8) { // with those that four connections carry
		t.Errorf("%d mails were sent again", again)
	}
	c := &concert{&world{db: sqldbtest.Again(t, cfg)}, &hall{}}
	defer func() { _ = c.db.Close() }()
	p := of(t, c.node(t, nil), "m")
	if p.State != notifyapi.Done || p.Total != int64(sold) || p.Counts[sent] != int64(sold) {
		t.Errorf("%+v", p)
	}
}

func expireClaims(t *testing.T, cfg sqldb.Config) {
	t.Helper()
	db := sqldbtest.Again(t, cfg)
	defer func() { _ = db.Close() }()
	err := db.Write(context.WithoutCancel(t.Context()), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE notices SET next_at = 1 WHERE state = 'queued' AND claim <> ''`)
		return err
	})
	if err != nil {
		t.Fatal(fmt.Errorf("claims: %w", err))
	}
}
