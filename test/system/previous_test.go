package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
)

// previous builds the program of the version before, whose commit is in the file
// test/previous, from the history of this clone.
func previous(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds another version of the program")
	}
	raw, err := os.ReadFile("../previous")
	if err != nil {
		t.Fatal(err)
	}
	commit := strings.TrimSpace(string(raw))
	if out, err := exec.Command("git", "cat-file", "-e", commit+"^{commit}").CombinedOutput(); err != nil {
		t.Fatalf("the commit %s of test/previous is not in this clone (git fetch --unshallow gets a whole history): %v %s", commit, err, out)
	}
	dir := t.TempDir()
	build := exec.Command("sh", "-c", `git -C "$0" archive "$1" go.mod go.sum cmd internal | tar -x -C "$2" && cd "$2" && go build -trimpath -o "$2/boxoffice" ./cmd/boxoffice`, "../..", commit, dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", commit, err, out)
	}
	return filepath.Join(dir, "boxoffice")
}

// verified sees that programs find ledger and tables agree.
func verified(t *testing.T, data settings.Storage, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if out, err := runBy(p, on(data, "verify")...); err != nil {
			t.Fatal(out, err)
		}
	}
}

// A node of the version before sells on while a new one starts and brings the tables
// up to date, and then beside it: both sell the same events, and what the one has
// written the other understands.
func TestPreviousNodeBesideThisOne(t *testing.T) {
	if !sqldbtest.OnPostgres(t) {
		t.Skip("an embedded folder belongs to one process")
	}
	old, data := previous(t), storage(t)
	before := serveBy(t, old, "127.0.0.1:0", data)
	rush := func(program string, d time.Duration, nodes ...*server) chan error {
		var urls []string
		for _, n := range nodes {
			urls = append(urls, n.url)
		}
		done := make(chan error, 1)
		go func() {
			out, err := runBy(program, on(data, "rush", "--target", strings.Join(urls, ","), "--fans", "1000", "--seats", "5000", "--in-flight", "64", "--duration", d.String(), "--json")...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			var r struct {
				Requests, Errors int64
				Audit            string
			}
			if err = errors.Join(err, json.Unmarshal([]byte(lines[len(lines)-1]), &r)); err == nil && (r.Audit != "ok" || r.Errors > r.Requests/1000) {
				err = fmt.Errorf("%d of %d requests failed, audit %s", r.Errors, r.Requests, r.Audit)
			}
			done <- err
		}()
		return done
	}
	selling := rush(old, 8*time.Second, before)
	time.Sleep(3 * time.Second) // let it sell
	after := serve(t, data)
	if err := <-selling; err != nil {
		t.Fatal("while the tables were brought up to date: ", err)
	}
	if err := <-rush(program(t), 8*time.Second, before, after); err != nil {
		t.Fatal("side by side: ", err)
	}
	before.stop()
	after.stop()
	verified(t, data, program(t), old)
}

// A folder that this version has brought up to date serves the version before, too,
// and then this one again.
func TestPreviousProgramOnThisFolder(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("it is about the embedded folder")
	}
	old, data := previous(t), storage(t)
	for _, program := range []string{old, program(t), old} {
		s := serveBy(t, program, "127.0.0.1:0", data)
		out, err := runBy(program, on(data, "rush", "--target", s.url, "--fans", "300", "--seats", "500", "--in-flight", "32", "--json")...)
		if err != nil || !strings.Contains(out, `"audit":"ok"`) {
			t.Fatal(out, err)
		}
		s.stop()
		verified(t, data, program)
	}
	serve(t, data).stop()
	verified(t, data, program(t))
}
