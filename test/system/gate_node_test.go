package system

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
)

// house is a gate node with phones, and the box office that sells the tickets.
type house struct {
	t         *testing.T
	data      settings.Storage
	office    *server
	organizer *client
	event     string
	tokens    []string // of tickets
	dir       string   // of the gate node
	node      *server
	phones    []*devicePhone
}

// devicePhone is a device of the gate node, which remembers what it was answered.
type devicePhone struct {
	c        *client
	counter  int
	answered []answeredScan
}

type answeredScan struct {
	counter    int
	token, say string
}

// inAHouse sells tickets, and pairs a gate node whose folder is dir, and phones with it.
func inAHouse(t *testing.T, dir string, tickets, phones int) *house {
	t.Helper()
	h := &house{t: t, data: storage(t), dir: dir}
	fans, organizer := accounts(t, h.data, tickets/10, caller.Customer), accounts(t, h.data, 1, caller.Organizer)[0]
	h.office = serve(t, h.data)
	h.organizer = h.office.as(organizer)
	h.event = h.organizer.event(t, "theatre", 500, "limit_per_customer", 10)
	for _, fan := range fans {
		buyer := h.office.as(fan)
		id := buyer.must(t, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": h.event, "quantity": 10}).str("id")
		buyer.must(t, http.StatusCreated, "POST", "/payments", map[string]any{"booking_id": id, "method": "tok_ok"})
		for _, one := range buyer.must(t, http.StatusOK, "GET", "/bookings/"+id+"/tickets", nil).body["items"].([]any) {
			h.tokens = append(h.tokens, one.(map[string]any)["token"].(string))
		}
	}
	h.start("--url", h.office.url, "--code", h.code("node"))
	for range phones {
		c := &client{http: newHTTP(), base: h.node.url}
		c.token = c.must(t, http.StatusCreated, "POST", "/door/pair", map[string]any{"code": h.code("device")}).str("token")
		h.phones = append(h.phones, &devicePhone{c: c})
	}
	h.line(true)
	return h
}

func (h *house) code(kind string) string {
	h.t.Helper()
	return h.organizer.must(h.t, http.StatusCreated, "POST", "/events/"+h.event+"/door/pairings", map[string]any{"name": "Of the house", "kind": kind}).str("code")
}

// start starts the gate node, for the first time or again.
func (h *house) start(args ...string) {
	h.t.Helper()
	h.node = launch(h.t, program(h.t), append([]string{"gate-node", "--data", h.dir, "--listen", "127.0.0.1:0"}, args...)...)
	for _, p := range h.phones {
		p.c.base = h.node.url
	}
}

// line waits until phones are told that the box office answers, or that it does not.
func (h *house) line(up bool) {
	h.t.Helper()
	patience.Until(h.t, fmt.Sprintf("the line is up: %v", up), func() bool {
		r, err := h.phones[0].c.do("GET", "/door", nil)
		if err != nil {
			return false
		}
		line, _ := r.body["line"].(map[string]any)
		return line["up"] == up
	})
}

// send sends a scan, and returns what it was answered: outcome and reason, or the problem.
func (p *devicePhone) send(counter int, token string) (string, error) {
	r, err := p.c.do("POST", "/door/scans", map[string]any{"scans": []map[string]any{{"counter": counter, "at": time.Now().UnixMilli(), "kind": "in", "token": token, "entrance": "main", "how": "camera"}}})
	if err != nil {
		return "", err
	}
	items, _ := r.body["items"].([]any)
	if len(items) != 1 {
		return fmt.Sprint(r.status, " ", r.problem()), nil
	}
	one := items[0].(map[string]any)
	return fmt.Sprint(one["outcome"], " ", one["reason"]), nil
}

// entered is how many seats the box office knows to be inside.
func (h *house) entered() int {
	h.t.Helper()
	n, _ := h.organizer.must(h.t, http.StatusOK, "GET", "/events/"+h.event+"/door/attendance", nil).body["entered"].(float64)
	return int(n)
}

// admitted counts the scans that were answered with a welcome, by token; each has one at most.
func (h *house) admitted() map[string]int {
	by := map[string]int{}
	for _, p := range h.phones {
		for _, a := range p.answered {
			if strings.HasPrefix(a.say, "admitted") {
				by[a.token]++
			}
		}
	}
	for token, times := range by {
		if times > 1 {
			h.t.Errorf("a ticket let in %d guests: %s", times, token)
		}
	}
	return by
}

// A gate node is killed in the middle of scans, again and again, while there is no line:
// what it has answered is there each time, no ticket lets two in, and the box office hears
// of it all in the end. The folder belongs to the gate node alone.
func TestGateNodeKilled(t *testing.T) {
	h := inAHouse(t, filepath.Join(t.TempDir(), "gate"), 200, 4)
	if _, err := run(t, "serve", "--addr", "127.0.0.1:0", "--data", h.dir); err == nil || !strings.Contains(err.Error(), "is the folder of a gate node") {
		t.Errorf("serve in the folder of a gate node: %v", err)
	}
	if h.data.Embedded() {
		if _, err := run(t, "gate-node", "--listen", "127.0.0.1:0", "--data", h.data.Data, "--url", h.office.url, "--code", "0123456789ab"); err == nil || !strings.Contains(err.Error(), "has files of something else") {
			t.Errorf("gate-node in the folder of a box office: %v", err)
		}
	}
	addr := strings.TrimPrefix(h.office.url, "http://")
	h.office.kill()
	h.line(false)
	const rounds = 6
	for round := range rounds {
		tokens := h.tokens[round*len(h.tokens)/rounds : (round+1)*len(h.tokens)/rounds]
		var answers atomic.Int64
		var wg sync.WaitGroup
		for _, p := range h.phones {
			wg.Go(func() { // each phone scans all of them, in its own order: most are copies
				for _, i := range rand.Perm(len(tokens)) {
					p.counter++
					say, err := p.send(p.counter, tokens[i])
					if err != nil {
						return // killed: this scan was not answered
					}
					p.answered = append(p.answered, answeredScan{p.counter, tokens[i], say})
					answers.Add(1)
				}
			})
		}
		for answers.Load() < 20+rand.Int64N(40) {
			time.Sleep(time.Millisecond)
		}
		h.node.kill()
		wg.Wait()
		h.start()
		for _, p := range h.phones {
			for _, a := range p.answered {
				if again, err := p.send(a.counter, a.token); err != nil || again != a.say {
					t.Fatalf("scan %d of %s was answered with %q, and after the restart with %q %v", a.counter, a.token, a.say, again, err)
				}
			}
		}
	}
	in := h.admitted()
	if len(in) < 10*rounds {
		t.Fatalf("only %d were let in: the test does not test", len(in))
	}
	for token := range in {
		p := h.phones[rand.IntN(len(h.phones))]
		p.counter++
		if say, err := p.send(p.counter, token); err != nil || say != "refused already-inside" {
			t.Errorf("a copy: %q %v", say, err)
		}
	}
	h.office = serveAt(t, addr, h.data)
	h.line(true)
	// Scans that were stored, but whose answer was lost in a kill, are there, too.
	patience.Until(t, "the box office has all guests", func() bool { return h.entered() >= len(in) })
	if n := h.entered(); n > len(in)+rounds*len(h.phones) {
		t.Errorf("%d have entered, and %d were told so", n, len(in))
	}
	t.Logf("%d guests over %d kills", len(in), rounds)
}

// While its disk is full, a gate node acknowledges nothing, and says so; once there is room
// it goes on, and has what it had acknowledged.
func TestGateNodeDiskFull(t *testing.T) {
	d := brokertest.SmallDisk(t, 16)
	h := inAHouse(t, filepath.Join(d.Dir, "gate"), 40, 1)
	p := h.phones[0]
	addr := strings.TrimPrefix(h.office.url, "http://")
	h.office.kill()
	h.line(false)
	scan := func(token string) string {
		t.Helper()
		p.counter++
		say, err := p.send(p.counter, token)
		if err != nil {
			t.Fatal(err)
		}
		p.answered = append(p.answered, answeredScan{p.counter, token, say})
		return say
	}
	for _, token := range h.tokens[:10] {
		if say := scan(token); say != "admitted ok" {
			t.Fatal(say)
		}
	}
	d.Fill()
	full := 0
	for _, token := range h.tokens[10:20] {
		switch say := scan(token); say {
		case "503 database-unavailable":
			full++
		case "admitted ok": // there was still room in a page
		default:
			t.Errorf("with a full disk: %s", say)
		}
	}
	if full == 0 {
		t.Fatal("the disk is not full")
	}
	d.Empty()
	patience.Until(t, "it goes on", func() bool { return scan(h.tokens[20]) != "503 database-unavailable" })
	h.node.kill()
	h.start()
	for _, a := range p.answered {
		if again, err := p.send(a.counter, a.token); !strings.HasPrefix(a.say, "503") && (err != nil || again != a.say) {
			t.Errorf("scan %d was answered with %q, and after the restart with %q %v", a.counter, a.say, again, err)
		}
	}
	in := len(h.admitted())
	h.office = serveAt(t, addr, h.data)
	patience.Until(t, "the box office has all guests", func() bool { return h.entered() >= in })
}
