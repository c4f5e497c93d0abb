// Package natstest runs real NATS servers, for tests.
package natstest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/patience"
)

// Server is a NATS server, or the place of one that was stopped. It ends with the test.
type Server struct {
	t    testing.TB
	dir  string
	addr string
	cmd  *exec.Cmd
	log  *os.File
	end  chan struct{} // closed when the process has ended
	// URL is its address, which stays the same when it is started again.
	URL string
}

// binary is the path of the server's program.
var binary = sync.OnceValues(func() (string, error) { return brokertest.Program("nats-server") })

// Start starts a server with JetStream, which writes each message to the disk before it
// acknowledges it. Lines are added to its configuration.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	s := place(t, brokertest.FreeAddr(t), "one", t.TempDir(), lines...)
	s.Again()
	return s
}

// Cluster makes three servers that are one cluster, and starts the first ones of them:
// two, to which the third comes with Again, or three.
func Cluster(t testing.TB, first int) []*Server {
	t.Helper()
	var routes, addrs []string
	for range 3 {
		routes, addrs = append(routes, brokertest.FreeAddr(t)), append(addrs, brokertest.FreeAddr(t))
	}
	var list []*Server
	for i := range 3 {
		list = append(list, place(t, addrs[i], fmt.Sprint("node", i), t.TempDir(), fmt.Sprintf("cluster { name: test, listen: %q, routes: [\"nats://%s\"] }", routes[i], strings.Join(routes[:first], "\", \"nats://"))))
	}
	for _, s := range list[:first] {
		s.run()
	}
	for _, s := range list[:first] {
		s.await()
	}
	return list
}

// place makes a server and does not start it.
func place(t testing.TB, addr, name, dir string, lines ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: dir, addr: addr, URL: "nats://" + addr}
	config := fmt.Sprintf("listen: %q\nserver_name: %s\njetstream { store_dir: %q, sync_interval: always, max_memory_store: 64MB, max_file_store: 32GB }\n%s\n",
		addr, name, s.store(), strings.Join(lines, "\n"))
	if err := os.WriteFile(s.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", s.URL, s.said())
		}
	})
	return s
}

func (s *Server) config() string { return filepath.Join(s.dir, "nats.conf") }
func (s *Server) store() string  { return filepath.Join(s.dir, "store") }

// StartIn is Start with a folder for what the server keeps.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	s := place(t, brokertest.FreeAddr(t), "one", dir)
	s.Again()
	return s
}

func (s *Server) run() {
	s.t.Helper()
	program, err := binary()
	if err != nil {
		s.t.Fatal(err) // a test that needs a server is never skipped
	}
	if s.log, err = os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(program, "--config", s.config())
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.end = make(chan struct{})
	go func(cmd *exec.Cmd, end chan struct{}) {
		defer close(end)
		_ = cmd.Wait()
	}(s.cmd, s.end)
}

// said is the end of the server's log.
func (s *Server) said() string {
	raw, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(raw[max(0, len(raw)-8000):])
}

// await waits until the server listens.
func (s *Server) await() {
	s.t.Helper()
	for end := time.Now().Add(patience.Long); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.end:
			s.t.Fatalf("nats-server has ended:\n%s", s.said())
		default:
		}
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("nats-server does not listen: %v\n%s", err, s.said())
		}
	}
}

// Again starts a server that does not run.
func (s *Server) Again() {
	s.t.Helper()
	s.run()
	s.await()
}

// Kill ends the server without warning.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.end
	_ = s.log.Close()
	s.cmd = nil
}

// Wipe deletes all that a killed server has stored.
func (s *Server) Wipe() {
	s.t.Helper()
	if err := os.RemoveAll(s.store()); err != nil {
		s.t.Fatal(err)
	}
}

// Freeze stops the server without closing its connections, until Thaw.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}
