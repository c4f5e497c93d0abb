package settings

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Server says how to run a node.
type Server struct {
	Storage
	ReplicaURL string   `help:"A read replica of --database-url, for lists and search. Example: postgres://user@replica/boxoffice." placeholder:"URL"`
	Addr       string   `help:"Address and port to listen on. 0.0.0.0:8080 means all networks, port 0 any free port." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	OpsAddr    string   `help:"Address and port for operators: metrics (/metrics, Prometheus) and profiles (/debug/pprof/)." unset:"127.0.0.1:8090, or a free port if that is taken" placeholder:"HOST:PORT"`
	PublicURL  string   `help:"Scheme and host under which the public reaches the site. Links in pages, mails and feeds begin with it. Example: https://tickets.example.org." unset:"the address it listens on, unless that is all networks" placeholder:"URL"`
	Proxies    []string `name:"trusted-proxies" help:"Networks of the proxies in front. Their X-Forwarded-For names the client. Example: 10.0.0.0/8,192.0.2.7/32." unset:"a proxy on this machine if --addr is a loopback address, otherwise none" placeholder:"CIDR"`
	Origins    []string `name:"cors-origins" help:"Other sites whose pages may call the API from browsers; * allows all. Example: https://shop.example.org." placeholder:"ORIGIN"`
	RateLimit  int64    `help:"Requests per second for each account, and twice as many for each address without an account; up to four seconds' worth at once. 0 switches this limit off." default:"50" placeholder:"N"`
	Loopback   int64    `name:"loopback-factor" help:"For rehearsals and tests: multiplies the limits of clients on this machine. Example: 1000." default:"1" placeholder:"N"`
	AccessLog  bool     `help:"Log a line for each request."`
	TwoFactor  bool     `name:"require-two-factor" help:"Organizers and administrators must log in with two factors. Until they have set that up, they only have the rights of customers."`
	Demo       bool     `help:"Fill an empty database with sample events and accounts, and print the passwords. Only on a loopback --addr."`
}

// DemoOrganizer is the address of the account that marks a database as a demo's.
const DemoOrganizer = "organizer@demo.example"

// Check refuses settings of a wrong form before anything is opened, and says
// what would be right.
func (s *Server) Check() error {
	if err := checkAddr("--addr", s.Addr); err != nil {
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
	for _, origin := range s.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	if _, err := s.TrustedProxies(); err != nil {
		return err
	}
	switch {
	case s.RateLimit < 0:
		return BadFlag("--rate-limit", "%d is less than 0, which is no limit", s.RateLimit)
	case s.Loopback < 1 || s.Loopback > 1_000_000:
		return BadFlag("--loopback-factor", "%d is not between 1 and 1000000", s.Loopback)
	case s.Demo && !Loopback(s.Addr):
		return Error{WrongUsage, "--demo", fmt.Errorf("--demo prints passwords, so it is refused on %s: use a loopback address, such as 127.0.0.1:8080", s.Addr)}
	}
	return nil
}

// checkPublicURL takes the address of a site: scheme and host, nothing more.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err == nil && u.Host == "" && !strings.Contains(text, "://") {
		return BadFlag("--public-url", "%q has no scheme: did you mean https://%s?", text, text)
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return BadFlag("--public-url", "%q is not a site's address, such as https://tickets.example.org", text)
	}
	if right := u.Scheme + "://" + u.Host; strings.TrimSuffix(text, "/") != right {
		return BadFlag("--public-url", "%q has more than scheme and host; pages begin at the root of a site: did you mean %s?", text, right)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		return BadFlag("--public-url", "nobody can reach %s: it is all networks of a machine, not one of its addresses", u.Hostname())
	}
	return nil
}

// checkOrigin takes an origin as browsers send it (RFC 6454), or *.
func checkOrigin(text string) error {
	if text == "*" {
		return nil
	}
	u, err := url.Parse(text)
	if err == nil && u.Host == "" && !strings.Contains(text, "://") {
		return BadFlag("--cors-origins", "%q has no scheme: did you mean https://%s?", text, text)
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Host, "*") {
		return BadFlag("--cors-origins", "%q is not an origin, such as https://shop.example.org, nor * for all", text)
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	if right := u.Scheme + "://" + host; text != right {
		return BadFlag("--cors-origins", "browsers never send %q as an origin: did you mean %s?", text, right)
	}
	return nil
}

// TrustedProxies are the networks of the proxies whose word about the client's
// address is believed.
func (s *Server) TrustedProxies() (list []netip.Prefix, err error) {
	for _, text := range s.Proxies {
		network, err := netip.ParsePrefix(text)
		if ip, ipErr := netip.ParseAddr(text); err != nil && ipErr == nil {
			return nil, BadFlag("--trusted-proxies", "%q is an address: did you mean %s?", text, netip.PrefixFrom(ip, ip.BitLen()))
		}
		if err != nil {
			return nil, BadFlag("--trusted-proxies", "%q is not a network, such as 10.0.0.0/8 or 192.0.2.7/32", text)
		}
		if network != network.Masked() {
			return nil, BadFlag("--trusted-proxies", "%s is an address within a network: did you mean %s or %s?", text, network.Masked(), netip.PrefixFrom(network.Addr(), network.Addr().BitLen()))
		}
		list = append(list, network)
	}
	return list, nil
}

// LinksInMails is what links in mails begin with. Without an address they say so,
// and their reader can still find the page.
func LinksInMails(base string) string {
	return cmp.Or(base, "[this ticket office's address, which its server was not told: see --public-url]")
}

// Base is the address that links begin with: what the server was told, or the
// address that it listens on when that is one; "" when nobody knows. It is never
// taken from a request.
func (s *Server) Base(listens net.Addr) string {
	if s.PublicURL != "" {
		return strings.TrimSuffix(s.PublicURL, "/")
	}
	if at, err := netip.ParseAddrPort(listens.String()); err == nil && at.Addr().IsUnspecified() {
		return ""
	}
	return "http://" + listens.String()
}

// PublicHost is the host of PublicURL; "" when there is none.
func (s *Server) PublicHost() string {
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
