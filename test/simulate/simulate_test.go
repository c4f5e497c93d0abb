package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// steps of a history that is made up; and how long histories are played on a slow
// machine when nobody has said how many.
const (
	steps            = 60
	enough           = 2 * time.Minute
	enoughOnPostgres = 90 * time.Second
	enoughInShort    = 30 * time.Second
	sideBySide       = 10 // histories on PostgreSQL, which wait most of the time
)

func fromEnv(name string, otherwise uint64) uint64 {
	if v, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return v
	}
	return otherwise
}

// TestHistories plays histories that nobody has played before.
func TestHistories(t *testing.T) {
	url := playground(t)
	n, side, most := fromEnv("N", 300), max(1, runtime.NumCPU()), enough
	if url != "" {
		n, side, most = fromEnv("N", 40), sideBySide, enoughOnPostgres
		t.Parallel()
	}
	if testing.Short() {
		n, most = fromEnv("N", 8), enoughInShort
	}
	first := fromEnv("SEED", uint64(time.Now().UnixNano()))
	t.Logf("SEED=%d N=%d", first, n)
	began := time.Now()
	var mu sync.Mutex
	next, all, slow, played := first, 0, 0, 0
	found := map[string]bool{}
	var wg sync.WaitGroup
	for i := range side {
		wg.Go(func() {
			wk := newWorker(filepath.Join(t.TempDir(), strconv.Itoa(i)), url)
			defer wk.stop()
			for {
				mu.Lock()
				seed := next
				next++
				over := seed >= first+n || os.Getenv("N") == "" && time.Since(began) > most || len(found) >= 5 && os.Getenv("ALL") == ""
				mu.Unlock()
				if over {
					return
				}
				out, err := wk.play(job{Seed: seed, More: steps})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all, slow, played = all+out.Steps, slow+out.Slow, played+1
				fresh := len(out.Broken) > 0 && !found[rule(out.Broken[0])]
				if fresh {
					found[rule(out.Broken[0])] = true
				}
				mu.Unlock()
				if fresh {
					report(t, wk, seed, out)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	t.Logf("%d histories, %d steps, %.1f histories a second; the machine was slow during %d steps", played, all, float64(played)/took.Seconds(), slow)
}

// report prints a history that has failed, as short as it can be made.
func report(t *testing.T, wk *worker, seed uint64, out *outcome) {
	s, err := parse([]byte(out.Script))
	if err != nil {
		t.Error(err)
		return
	}
	short, last := s, out
	if os.Getenv("RAW") == "" {
		short, last = shrink(wk, s, out)
	}
	text := fmt.Sprintf("# %s\n%s", strings.Join(last.Broken, "\n# "), short)
	if dir := os.Getenv("SAVE"); dir != "" {
		name := filepath.Join(dir, fmt.Sprintf("seed-%d.txt", seed))
		_ = os.WriteFile(name, []byte(text), 0o600)
		_ = os.WriteFile(name+".trace", []byte(strings.Join(last.Trace, "\n")), 0o600)
	}
	if os.Getenv("RAW") != "" {
		t.Errorf("seed %d: %s", seed, strings.Join(last.Broken, "\n"))
		return
	}
	t.Errorf("seed %d, %d of %d steps:\n%s\n%s", seed, len(short.Steps), len(s.Steps), text, strings.Join(last.Trace, "\n"))
}

// rule is the rule of what was broken.
func rule(broken string) string {
	r, _, _ := strings.Cut(broken, ":")
	return r
}

// TestScripts plays the scripts of testdata: what they found is mended.
func TestScripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	url, side := playground(t), 1
	if url != "" {
		side = 2
		t.Parallel()
	}
	free := make(chan *worker, side)
	for i := range side {
		free <- newWorker(filepath.Join(t.TempDir(), strconv.Itoa(i)), url)
	}
	t.Cleanup(func() {
		for range side {
			(<-free).stop()
		}
	})
	for i, name := range names {
		if testing.Short() && i%3 > 0 {
			continue // the others are played without -short
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			if url != "" {
				t.Parallel()
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			wk := <-free
			out, err := wk.play(job{Script: string(data)})
			free <- wk
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("TRACE") != "" {
				t.Log(strings.Join(out.Trace, "\n"))
			}
			if len(out.Broken) > 0 {
				t.Errorf("%s\n%s", strings.Join(out.Broken, "\n"), strings.Join(out.Trace, "\n"))
			}
		})
	}
}
