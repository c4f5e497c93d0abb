package smtp

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// received is a mail that the server has taken.
type received struct {
	from, to, data string
	user           string // who logged in
	secure         bool
}

// server is an SMTP server whose answers a test can choose. test/brokers tests with a
// real one.
type server struct {
	listener net.Listener
	secure   *tls.Config // for STARTTLS; nil: not offered
	roots    *x509.CertPool
	implicit bool // TLS from the first byte on
	utf8     bool

	// answer is asked for each command, and for "banner" and ".", the end of a mail.
	// "": as servers do; "cut": the connection ends; "silence": there is no answer.
	answer func(command string) string

	mu          sync.Mutex
	mails       []received
	connections int
	open        map[net.Conn]bool
	commands    []string
	running     sync.WaitGroup
}

// start starts a server; change, if not nil, configures it.
func start(t *testing.T, change func(*server)) *server {
	t.Helper()
	s := &server{open: map[net.Conn]bool{}}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = l
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections++
			s.open[conn] = true
			s.mu.Unlock()
			s.running.Go(func() {
				s.serve(conn)
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.cutAll()
		s.running.Wait()
	})
	return s
}

// cutAll ends all connections.
func (s *server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

func (s *server) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

func (s *server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// serve speaks SMTP on a connection.
func (s *server) serve(conn net.Conn) {
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, s.secure)
	}
	in := bufio.NewReader(conn)
	var m received
	say := func(command, usual string) bool {
		s.mu.Lock()
		s.commands = append(s.commands, command)
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			if other := answer(command); other != "" {
				usual = other
			}
		}
		switch usual {
		case "cut":
			return false
		case "silence":
			return true
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", usual)
		return err == nil
	}
	if !say("banner", "220 test ESMTP") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(line)
		ok := true
		switch {
		case strings.HasPrefix(verb, "EHLO"):
			ext := []string{"test", "ENHANCEDSTATUSCODES", "8BITMIME"}
			if s.secure != nil && !secure {
				ext = append(ext, "STARTTLS")
			}
			if s.utf8 {
				ext = append(ext, "SMTPUTF8")
			}
			ext = append(ext, "AUTH PLAIN LOGIN")
			ok = say("EHLO", "250-"+strings.Join(ext[:len(ext)-1], "\r\n250-")+"\r\n250 "+ext[len(ext)-1])
		case verb == "STARTTLS":
			if ok = say("STARTTLS", "220 go on"); ok {
				conn, secure = tls.Server(conn, s.secure), true
				in = bufio.NewReader(conn)
			}
		case strings.HasPrefix(verb, "AUTH PLAIN "):
			raw, _ := base64.StdEncoding.DecodeString(line[len("AUTH PLAIN "):])
			m.user = strings.ReplaceAll(string(raw), "\x00", "/")
			ok = say("AUTH", "235 2.7.0 welcome")
		case strings.HasPrefix(verb, "MAIL FROM:"):
			m.from, m.secure = line[len("MAIL FROM:"):], secure
			ok = say("MAIL", "250 2.1.0 ok")
		case strings.HasPrefix(verb, "RCPT TO:"):
			m.to = strings.Trim(line[len("RCPT TO:"):], "<>")
			ok = say("RCPT", "250 2.1.5 ok")
		case verb == "DATA":
			if ok = say("DATA", "354 go on"); !ok {
				break
			}
			var data strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(strings.TrimPrefix(line, "."))
			}
			m.data = data.String()
			answer := ""
			if s.answer != nil {
				answer = s.answer("content")
			}
			if answer == "" || strings.HasPrefix(answer, "2") {
				s.mu.Lock()
				s.mails = append(s.mails, m)
				s.mu.Unlock()
			}
			ok = say(".", "250 2.0.0 queued as 7")
		case verb == "RSET", verb == "NOOP":
			ok = say(verb, "250 2.0.0 ok")
		case verb == "QUIT":
			_ = say("QUIT", "221 2.0.0 bye")
			return
		default:
			ok = say(verb, "502 5.5.2 unknown")
		}
		if !ok {
			return
		}
	}
}

// certificate makes a certificate for localhost and 127.0.0.1, and the pool that
// trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}
