package simulate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// Histories are played in processes of their own: a panic of the house, a
// goroutine that is left, or a lock that nobody gives back is then an outcome
// like others.

// Variables that workers have.
const (
	workerVariable = "BOXOFFICE_SIMULATE_WORKER" // where they note what they are at
	serverVariable = "BOXOFFICE_SIMULATE_SERVER" // the PostgreSQL server to play on; none: in bubbles
)

// job is what a worker is asked to do.
type job struct {
	Seed   uint64 `json:"seed"`
	More   int    `json:"more"`   // steps to make up
	Script string `json:"script"` // instead
	Hasty  bool   `json:"hasty"`  // whether it waits only a moment for what must come about: it is one of many tries
}

// standstill is how long no history is without a sign of life, however slow the machine.
const standstill = 10 * time.Minute

// watch ends the process when the house stands still: nothing is done, and no time passes.
func watch(over <-chan struct{}) {
	for {
		seen := signsOfLife.Load()
		select {
		case <-over:
			return
		case <-time.After(standstill):
		}
		if signsOfLife.Load() == seen {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
			fmt.Fprintln(os.Stderr, "panic: the house stands still")
			os.Exit(3)
		}
	}
}

const answerMark = "SIMULATED "

// TestWorker is a worker; it is not a test.
func TestWorker(t *testing.T) {
	notes := os.Getenv(workerVariable)
	if notes == "" {
		t.Skip("for workers")
	}
	st := stageOf(t, notes)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var j job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			t.Fatal(err)
		}
		s := &Script{Seed: j.Seed, Nodes: 1 + int(j.Seed%3)}
		if j.Script != "" {
			var err error
			if s, err = parse([]byte(j.Script)); err != nil {
				t.Fatal(err)
			}
		}
		tell := func(s *Script) { _ = os.WriteFile(notes, []byte(s.String()), 0o600) }
		if j.Script != "" {
			tell(s)
		}
		over := make(chan struct{})
		go watch(over)
		var out *outcome
		t.Run("history", func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, s.Seed)
			if st.record.server != nil {
				out = st.play("", s, &j, tell)
				return
			}
			synctest.Test(t, func(t *testing.T) { out = st.play(t.TempDir(), s, &j, tell) })
		})
		close(over)
		line, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s%s\n", answerMark, line)
	}
}

// stageOf makes the stage of a worker.
func stageOf(t *testing.T, notes string) (st *stage) {
	var err error
	if url := os.Getenv(serverVariable); url != "" {
		s := &server{url: url, name: fmt.Sprintf("house_%d", os.Getpid())}
		go s.pulse.beat(t.Context(), url)
		for range 3 { // a machine that is busy elsewhere lets a transaction wait for too long
			var r *record
			if r, err = s.create(""); err == nil {
				if st, err = setStage(r); err == nil {
					return st
				}
			}
		}
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		if st, err = setStage(&record{dir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(filepath.Dir(notes), "stage"+filepath.Base(notes))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if st.record, err = st.record.copyTo(dir); err != nil {
			t.Fatal(err)
		}
	})
	return st
}

// worker is a process that plays histories.
type worker struct {
	dir    string
	notes  string
	server string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	err    *tail
}

func newWorker(dir, server string) *worker {
	return &worker{dir: dir, server: server, notes: filepath.Join(dir, "notes")}
}

func (w *worker) start() error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	w.cmd = exec.Command(os.Args[0], "-test.run=^TestWorker$", "-test.timeout=0")
	w.cmd.Env = append(os.Environ(), workerVariable+"="+w.notes, serverVariable+"="+w.server, "TMPDIR="+w.dir, "GOMAXPROCS=1", "GOGC=400")
	w.err = &tail{}
	w.cmd.Stderr = w.err
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.out = bufio.NewScanner(stdout)
	w.out.Buffer(nil, 64<<20)
	return w.cmd.Start()
}

func (w *worker) stop() {
	if w.cmd == nil {
		return
	}
	_ = w.in.Close()
	for w.out.Scan() {
	}
	_ = w.cmd.Wait()
	w.cmd = nil
}

// play has a history played. A crash of the process is an outcome.
func (w *worker) play(j job) (*outcome, error) {
	if w.cmd == nil {
		if err := w.start(); err != nil {
			return nil, err
		}
	}
	line, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(w.notes)
	if _, err := w.in.Write(append(line, '\n')); err == nil {
		var said []string
		for w.out.Scan() {
			if doc, ok := strings.CutPrefix(w.out.Text(), answerMark); ok {
				out := &outcome{}
				return out, json.Unmarshal([]byte(doc), out)
			}
			said = append(said, w.out.Text())
		}
		w.err.add(strings.Join(said, "\n"))
	}
	_ = w.cmd.Wait()
	w.cmd = nil
	notes, err := os.ReadFile(w.notes)
	if err != nil {
		return nil, fmt.Errorf("a worker has crashed before it began: %s", w.err)
	}
	return &outcome{Script: string(notes), Broken: []string{"the house stands: " + w.err.panicked()}, Trace: []string{w.err.String()}}, nil
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text string
}

func (t *tail) Write(p []byte) (int, error) { t.add(string(p)); return len(p), nil }

func (t *tail) add(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text += s
	if len(t.text) > 200_000 {
		t.text = t.text[:100_000] + t.text[len(t.text)-50_000:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text
}

// panicked is the line that says why the process has ended.
func (t *tail) panicked() string {
	for line := range strings.Lines(t.String()) {
		for _, mark := range []string{"panic: ", "fatal error: ", "deadlock: "} {
			if at := strings.Index(line, mark); at >= 0 {
				return strings.TrimSpace(line[at:])
			}
		}
	}
	return "its process has ended"
}
