package settings

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// GateNodeFile is the file, in the folder of a gate node, by which that is known to be one.
const GateNodeFile = "pairing.json"

// GateNode configures a gate node.
type GateNode struct {
	Data      string `help:"Folder for what the gate node keeps: its pairing, the list, and the scans." default:"boxoffice-gate" placeholder:"DIR"`
	URL       string `name:"url" help:"The box office: what the browser shows in the console, without a path. Needed with --code. Example: https://tickets.example.org." unset:"the one that the folder is paired with" placeholder:"URL"`
	Code      string `help:"Pairing code for a gate node, from the console (The door, Devices). It is used once; later starts need none." placeholder:"CODE"`
	Name      string `help:"Name of this gate node, for the console." unset:"the name that the organizer gave it" placeholder:"NAME"`
	Listen    string `help:"Address and port to listen on: 0.0.0.0:8443 or :8443 is all networks of this machine." default:":8443" placeholder:"HOST:PORT"`
	TLSCert   string `name:"tls-cert" help:"File with the certificate chain (PEM) that the devices trust, for the name in --public-url." placeholder:"FILE"`
	TLSKey    string `name:"tls-key" help:"File with the private key of --tls-cert (PEM)." placeholder:"FILE"`
	PublicURL string `help:"Address under which the devices reach the gate node. Example: https://gate.local:8443." unset:"the address it listens on" placeholder:"URL"`
	OpsAddr   string `help:"Address and port for operators: metrics (/metrics, Prometheus)." placeholder:"HOST:PORT"`
	AccessLog bool   `help:"Log a line for each request."`
}

// Check refuses malformed settings before anything is opened.
func (s *GateNode) Check() error {
	if strings.HasPrefix(s.Listen, ":") {
		s.Listen = "0.0.0.0" + s.Listen
	}
	if err := checkAddr("--listen", s.Listen); err != nil {
		return err
	}
	if s.OpsAddr != "" {
		if err := checkAddr("--ops-addr", s.OpsAddr); err != nil {
			return err
		}
	}
	if err := checkPublicURL(s.PublicURL); err != nil {
		return err
	}
	s.URL = strings.TrimSuffix(s.URL, "/")
	u, err := url.Parse(s.URL)
	switch {
	case s.Data == "":
		return BadFlag("--data", "the name of the folder is missing")
	case s.URL != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || s.URL != u.Scheme+"://"+u.Host):
		return BadFlag("--url", "%q is not the address of a box office, such as https://tickets.example.org", s.URL)
	case s.URL != "" && u.Scheme == "http" && !Loopback(u.Host+":80") && !Loopback(u.Host):
		return BadFlag("--url", "%s is not https://: whoever is on the way could read the gate node's secret", s.URL)
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return Usage("--tls-cert and --tls-key go together")
	case s.TLSCert == "" && !Loopback(s.Listen):
		return Usage("--tls-cert and --tls-key are missing: on an address that is not this machine's own (127.0.0.1), browsers give a page the camera, cryptography and a copy to keep over HTTPS only")
	case s.TLSCert != "" && strings.HasPrefix(s.PublicURL, "http://"):
		return BadFlag("--public-url", "%q must begin with https://, since there is a certificate", s.PublicURL)
	}
	return nil
}

// Base is the address under which the devices reach the gate node that listens at an
// address, as far as that is known.
func (s *GateNode) Base(listens netip.AddrPort) string {
	if s.PublicURL != "" {
		return strings.TrimSuffix(s.PublicURL, "/")
	}
	scheme := "http://"
	if s.TLSCert != "" {
		scheme = "https://"
	}
	if listens.Addr().IsUnspecified() {
		return scheme + "localhost:" + strconv.Itoa(int(listens.Port()))
	}
	return scheme + listens.String()
}
