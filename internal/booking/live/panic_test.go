package live

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// breaking panics when a handler begins an answer, takes over the connection, or
// writes.
type breaking struct {
	http.ResponseWriter
	at string
}

func (b breaking) WriteHeader(int) {
	if b.at == "head" {
		panic(b.at)
	}
}

func (b breaking) Write([]byte) (int, error) { panic("body") }

type hijacking struct {
	breaking
	conn net.Conn
}

// Hijack panics, or returns a connection that does.
func (h hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if h.conn == nil {
		panic("hijack")
	}
	return h.conn, nil, nil
}

type breakingConn struct{ net.Conn }

func (breakingConn) Write([]byte) (int, error) { panic("write") }

// watching returns how many live feeds are open according to the metrics.
func watching(t *testing.T, fs *Feeds) float64 {
	t.Helper()
	var m dto.Metric
	if err := fs.viewers.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// A panic while a viewer joins leaves neither a feed without viewers nor an open
// connection behind.
func TestPanicWhileAViewerComes(t *testing.T) {
	h := newHall(5)
	fs := feedsOf(h)
	here, there := pair(t)
	for _, rw := range []http.ResponseWriter{
		breaking{httptest.NewRecorder(), "head"},
		breaking{httptest.NewRecorder(), "body"},
		hijacking{breaking{httptest.NewRecorder(), ""}, nil},
		hijacking{breaking{httptest.NewRecorder(), ""}, breakingConn{here}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/events/e/live", nil)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v: no panic", rw)
				}
			}()
			_ = fs.Serve(rw, r, h, -1)
		}()
	}
	fs.running.Wait() // none has a viewer
	if n := watching(t, fs); n != 0 || len(fs.byID) != 0 {
		t.Errorf("%v viewers, %d feeds", n, len(fs.byID))
	}
	if n, err := there.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes", n)
	}
}

// A viewer who joins just when a panic has ended the feed leaves it; the next viewer
// gets a running feed.
func TestFeedEndsBeforeItsViewerCame(t *testing.T) {
	v := newHall(5)
	fs := feedsOf(v)
	old := fs.join(v)
	fs.dismiss(old)
	next := fs.join(v)
	if next == old {
		t.Fatal("a feed that is over goes on")
	}
	here, there := pair(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := fs.admit(old, hijacking{breaking{httptest.NewRecorder(), ""}, here}, r, -1); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4<<10); ; {
		if _, err := there.Read(buf); err != nil {
			break
		}
	}
	if n := watching(t, fs); n != 1 || fs.byID["e"] != next || old.viewers != 0 {
		t.Errorf("%v viewers, %d of them of the old feed", n, old.viewers)
	}
	fs.leave(next, 1)
	fs.running.Wait()
}
