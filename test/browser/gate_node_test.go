package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"boxoffice/internal/patience"
	"boxoffice/test/browser/stage"
)

// wire is a house's line to the box office, which can be cut.
type wire struct {
	*httptest.Server
	down atomic.Bool
}

func newWire(t *testing.T) *wire {
	t.Helper()
	office, err := url.Parse(demo.URL)
	if err != nil {
		t.Fatal(err)
	}
	w, through := &wire{}, httputil.NewSingleHostReverseProxy(office)
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			panic(http.ErrAbortHandler)
		}
		through.ServeHTTP(out, r)
	}))
	t.Cleanup(func() { w.cut(true); w.Close() })
	return w
}

func (w *wire) cut(yes bool) {
	w.down.Store(yes)
	w.CloseClientConnections()
}

// picture takes a picture, if there is a folder for pictures.
func (p phone) picture(name string) {
	p.t.Helper()
	if *shots == "" {
		return
	}
	p.must(os.MkdirAll(*shots, 0o755))
	p.must(p.tab.Shot(filepath.Join(*shots, name+".png")))
}

// badge waits until the badge says something.
func (p phone) badge(text string) {
	p.t.Helper()
	p.until("the badge says "+text, `document.querySelector(".gate-badge").textContent.includes("`+text+`")`)
}

// Two phones scan at a gate node in the house. While its line to the box office is cut, they
// go on, and a copy of a ticket is refused at the other phone; later the organizer sees all
// guests, each once.
func TestDoorAtAGateNode(t *testing.T) {
	t.Parallel()
	d := withGuests(t, "In a house without a line", 3)
	line := newWire(t)
	node, err := demo.GateNode(line.URL, d.organizer("POST", "/pairings", map[string]any{"name": "Laptop", "kind": "node"})["code"].(string))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	at := func(name string) phone {
		t.Helper()
		code := d.organizer("POST", "/pairings", map[string]any{"name": name})["code"].(string)
		p := phone{reader(t, stage.Phone, true)}
		p.open(node.URL)
		p.fill("#pair-code", code)
		p.picture("gate-node-pair")
		p.click(".gate-go")
		p.online(true)
		p.until("the list is there", `document.querySelector(".gate-n-entered small") !== null`)
		p.until("it can be opened without a network", `navigator.serviceWorker.ready`)
		return p
	}
	one, two := at("One"), at("Two")
	r := reader(t, stage.Desktop, true)
	r.signIn("organizer")
	r.open("/organizer/events/" + d.event + "/door/devices")
	r.fill("#f-name", "Three")
	r.fill("#f-gate", node.URL+"/")
	(phone{r}).picture("gate-node-address")
	r.click("#pair form button")
	r.wait(".pairing-code .qr svg")
	(phone{r}).picture("gate-node-code")
	if text := r.text(".pairing-code"); !strings.Contains(text, node.URL+"/gate") {
		t.Errorf("the code is for %s", text)
	}
	three := phone{reader(t, stage.Phone, true)}
	three.open(node.URL + "/gate#pair=" + strings.ToLower(strings.ReplaceAll(r.text(".letters"), "-", "")))
	three.click(".gate-go")
	three.online(true)
	one.scanner(d.tokens[0])
	one.says("yes", d.seats[0])
	one.picture("gate-node-up")
	two.counts(1, 1)
	if got := d.organizer("GET", "/attendance", nil); got["entered"] != 1.0 {
		t.Errorf("while there is a line, the organizer sees %v", got)
	}

	line.cut(true)
	for _, p := range []phone{one, two} {
		p.badge("No line to the box office")
	}
	one.scanner(d.tokens[1])
	one.says("yes", d.seats[1])
	one.says("yes", "Decided without the ") // box office; or network, when the node takes longer than the phone waits
	one.picture("gate-node-cut")
	one.sent()
	two.counts(2, 2)
	two.scanner(d.tokens[1])
	two.says("again", d.seats[1])
	two.picture("gate-node-copy")
	two.counts(2, 2)
	two.open(node.URL + "/gate") // opened anew, while there is no line
	two.badge("No line to the box office")
	two.counts(2, 2)
	two.scanner(d.tokens[2])
	two.says("yes", d.seats[2])
	one.counts(3, 3)

	line.cut(false)
	for _, p := range []phone{one, two} {
		p.online(true)
		p.counts(3, 3)
		p.sent()
	}
	var got map[string]any
	patience.Until(t, "the organizer sees three guests", func() bool {
		got = d.organizer("GET", "/attendance", nil)
		return got["entered"] == 3.0
	})
	if got["inside"] != 3.0 || got["alone"].(float64) < 2 || len(got["doubles"].([]any)) != 0 {
		t.Errorf("the organizer sees %v", got)
	}
	r.open("/organizer/events/" + d.event + "/door")
	r.until("the console has three guests", `document.querySelector("main").innerText.includes("of 3 tickets")`)
	(phone{r}).picture("gate-node-console")
}
