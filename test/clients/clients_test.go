package clients

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run carries out a command in a folder and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), tail(errs.String()))
	}
	return out.String()
}

func tail(text string) string { return text[max(0, len(text)-3000):] }

// node is a running demo.
type node struct{ url, email, password string }

var buyer = regexp.MustCompile(`buyer\s+(\S+)\s+(\S+)`)

func start(t *testing.T, program string) node {
	t.Helper()
	cmd := exec.Command(program, "serve", "--demo", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node: %v\n%s", err, log.String())
		}
	})
	var n node
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := buyer.FindStringSubmatch(lines.Text()); m != nil {
			n.email, n.password = m[1], m[2]
		}
		if at, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			n.url = at
			go func() {
				for lines.Scan() { // whoever writes must not wait
				}
			}()
			return n
		}
	}
	t.Fatalf("the node does not listen\n%s", log.String())
	return n
}

func TestClients(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "boxoffice")
	run(t, "../..", nil, "go", "build", "-o", program, "./cmd/boxoffice")
	document := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(document, []byte(run(t, here, nil, program, "openapi")), 0o600); err != nil {
		t.Fatal(err)
	}
	n := start(t, program)
	env := []string{"BOXOFFICE_URL=" + n.url, "BUYER=" + n.email, "PASSWORD=" + n.password, "DOCUMENT=" + document}
	for _, c := range []struct {
		name  string
		steps [][]string // folder, command…
	}{
		{"ogen", [][]string{
			{".", "go", "tool", "ogen", "--target", "ogen/api", "--package", "api", "--clean", "--loglevel", "error", document},
			{".", "go", "run", "-tags", "generated", "./ogen"},
		}},
		{"oapi-codegen", [][]string{
			{".", "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "api", "-o", "oapi/api/client.go", document},
			{".", "go", "run", "-tags", "generated", "./oapi"},
		}},
		{"hey-api", [][]string{
			{"npm", "npx", "openapi-ts", "--input", document, "--output", "hey/api", "--client", "@hey-api/client-fetch"},
			{"npm", "npx", "tsc", "--noEmit", "--project", "hey"},
			{"npm", "npx", "tsx", "hey/purchase.ts"},
		}},
		{"orval", [][]string{
			{"npm", "npx", "orval", "--config", "orval.config.mjs"},
			{"npm", "npx", "tsc", "--noEmit", "--project", "orval"},
			{"npm", "npx", "tsx", "orval/purchase.ts"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			if err := os.MkdirAll("oapi/api", 0o755); err != nil {
				t.Fatal(err)
			}
			var said string
			for _, s := range c.steps {
				said = run(t, filepath.Join(here, s[0]), env, s[1], s[2:]...)
			}
			if !strings.HasPrefix(said, "booked ") {
				t.Errorf("the purchase printed %q", said)
			}
			t.Logf("%s in %s", strings.TrimSpace(said), time.Since(began).Round(time.Second))
		})
	}
}
