// Package proxies runs the servers that people put in front of a web server:
// nginx, Varnish, Caddy and HAProxy, as their Debian packages install them. They
// belong to a test and end with it. A server that is missing is an error.
package proxies

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/patience"
)

// Proxy is a server that runs.
type Proxy struct {
	Addr string // HOST:PORT
	Dir  string // its own folder
}

// commands start a server with the configuration at FILE, in the folder DIR.
var commands = map[string][]string{
	"nginx":    {"nginx", "-p", "DIR", "-c", "FILE", "-e", "DIR/error.log", "-g", "daemon off; master_process off;"},
	"varnishd": {"varnishd", "-j", "none", "-F", "-a", "ADDR", "-f", "FILE", "-n", "DIR", "-s", "malloc,32m"},
	"caddy":    {"caddy", "run", "--config", "FILE", "--adapter", "caddyfile"},
	"haproxy":  {"haproxy", "-db", "-f", "FILE"},
}

// Start runs a server until the test ends. In its configuration ADDR, PORT and
// DIR stand for where it shall listen and for its own folder; it must listen
// there when it is ready.
func Start(t testing.TB, server, config string) *Proxy {
	t.Helper()
	program, err := exec.LookPath(server)
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + server); err != nil {
			t.Fatalf("%s is missing: scripts/setup.sh installs it", server)
		}
	}
	p := &Proxy{Addr: brokertest.FreeAddr(t), Dir: t.TempDir()}
	_, port, _ := net.SplitHostPort(p.Addr)
	file := filepath.Join(p.Dir, "config")
	fill := strings.NewReplacer("ADDR", p.Addr, "PORT", port, "DIR", p.Dir, "FILE", file)
	if err := os.WriteFile(file, []byte(fill.Replace(config)), 0o600); err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, arg := range commands[server][1:] {
		args = append(args, fill.Replace(arg))
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HOME="+p.Dir, "XDG_DATA_HOME="+p.Dir, "XDG_CONFIG_HOME="+p.Dir)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s: %s", server, out)
		}
	})
	if err := p.wait(ended); err != nil {
		t.Fatalf("%s: %v: %s", server, err, out)
	}
	return p
}

// wait waits until the server takes connections.
func (p *Proxy) wait(ended <-chan struct{}) error {
	for deadline := time.Now().Add(patience.Long); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", p.Addr); err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("it does not listen on %s", p.Addr)
}

// output is what a server prints, the last of it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 64<<10 {
		o.buf.Reset()
	}
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
