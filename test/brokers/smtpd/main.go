// Command smtpd is a real SMTP server (emersion/go-smtp) for tests: it keeps each mail
// that it takes as a file, with STARTTLS, a log-in, and a certificate of its own.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	dir := flag.String("dir", ".", "folder for the mails, one file each")
	user := flag.String("user", "", "who may send; everybody without it")
	password := flag.String("password", "", "password of user")
	cert := flag.String("cert", "", "file for the certificate (PEM); without it there is no TLS")
	flag.Parse()
	if err := run(*addr, *cert, &backend{dir: *dir, user: *user, password: *password}); err != nil {
		log.Fatal(err)
	}
}

func run(addr, cert string, b *backend) error {
	s := smtp.NewServer(b)
	s.Domain, s.EnableSMTPUTF8 = "localhost", true
	s.ReadTimeout, s.WriteTimeout = time.Minute, time.Minute
	if cert != "" {
		secure, err := certificate(cert)
		if err != nil {
			return err
		}
		s.TLSConfig = secure
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", l.Addr())
	return s.Serve(l)
}

// backend keeps mails in a folder.
type backend struct {
	dir, user, password string
	taken               atomic.Int64
}

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{backend: b}, nil }

// session is one connection.
type session struct {
	backend  *backend
	loggedIn bool
	to       []string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.backend.user || password != s.backend.password {
			return smtp.ErrAuthFailed
		}
		s.loggedIn = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if s.backend.user != "" && !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.to = append(s.to, to)
	return nil
}

// Data answers once the mail is in its file. If that cannot be written, the sender may try
// again, as the servers of providers answer when their disk is full.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.keep(raw); err != nil {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: err.Error()}
	}
	return nil
}

func (s *session) keep(raw []byte) error {
	name := fmt.Sprintf("%d-%06d", time.Now().UnixNano(), s.backend.taken.Add(1))
	part := filepath.Join(s.backend.dir, "."+name)
	err := os.WriteFile(part, append([]byte("Delivered-To: "+strings.Join(s.to, ", ")+"\r\n"), raw...), 0o600)
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, filepath.Join(s.backend.dir, name+".eml"))
}

func (s *session) Reset() { s.to = nil }

func (*session) Logout() error { return nil }

// certificate makes a certificate for this machine, and writes it to a file for those
// who are to trust it.
func certificate(file string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, os.WriteFile(file, text, 0o600)
}
