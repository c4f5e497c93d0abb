package stage

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// GateNode is a running gate node, over HTTPS.
type GateNode struct {
	URL string

	cmd *exec.Cmd
}

// GateNode starts a gate node in a new folder, paired by a code with the box office at an
// address. More are further flags of gate-node.
func (s *Stage) GateNode(office, code string, more ...string) (*GateNode, error) {
	data, err := os.MkdirTemp(s.dir, "gate-node")
	if err != nil {
		return nil, err
	}
	args := append([]string{"gate-node", "--data", data, "--url", office, "--code", code, "--listen", "127.0.0.1:0", "--tls-cert", s.certificate(), "--tls-key", s.certificate()}, more...)
	n := &GateNode{cmd: exec.Command(filepath.Join(s.dir, "boxoffice"), args...)}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	n.cmd.Stderr = os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			n.URL = url
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return n, nil
		}
	}
	return nil, errors.Join(errors.New("gate-node ended before it was ready"), n.cmd.Wait())
}

// Close ends the gate node.
func (n *GateNode) Close() error {
	return errors.Join(n.cmd.Process.Signal(syscall.SIGTERM), n.cmd.Wait())
}

// certificate is the file of a certificate for this machine, and its key.
func (s *Stage) certificate() string { return filepath.Join(s.dir, "certificate.pem") }

// certify makes that file, and returns by what a browser knows the key (Chromium's
// --ignore-certificate-errors-spki-list).
func (s *Stage) certify() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	file := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(s.certificate(), file, 0o600); err != nil {
		return "", fmt.Errorf("certificate: %w", err)
	}
	sum := sha256.Sum256(public)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}
