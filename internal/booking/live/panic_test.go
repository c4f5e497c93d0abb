package live

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// breaking panics where a handler begins an answer, takes the connection over, or
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

// Hijack panics, or hands on a connection that does.
func (h hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if h.conn == nil {
		panic("hijack")
	}
	return h.conn, nil, nil
}

type breakingConn struct{ net.Conn }

func (breakingConn) Write([]byte) (int, error) { panic("write") }

// watching is how many live feeds the metrics say are open.
func watching(t *testing.T, fs *Feeds) float64 {
	t.Helper()
	var m dto.Metric
	if err := fs.viewers.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// A panic while somebody becomes a viewer leaves no feed without viewers behind,
// and no connection open.
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

// Who becomes a viewer just when the feed has ended by a panic leaves it; the next
// one gets a feed that runs.
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
