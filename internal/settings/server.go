package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Server configures a node.
type Server struct {
	Storage
	ReplicaURL string   `help:"A read replica of --database-url, for lists and search. Example: postgres://user@replica/boxoffice." placeholder:"URL"`
	Addr       string   `help:"Address and port to listen on. 0.0.0.0:8080 means all networks, port 0 any free port." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	OpsAddr    string   `help:"Address and port for operators: metrics (/metrics, Prometheus) and profiles (/debug/pprof/)." unset:"127.0.0.1:8090, or a free port if that is taken" placeholder:"HOST:PORT"`
	PublicURL  string   `help:"Scheme and host under which the public reaches the site. Links in pages, emails and feeds begin with it. Example: https://tickets.example.org." unset:"the address it listens on, unless that is all networks" placeholder:"URL"`
	Proxies    []string `name:"trusted-proxies" help:"Networks of the proxies in front. Their X-Forwarded-For names the client. Example: 10.0.0.0/8,192.0.2.7/32." unset:"a proxy on this machine if --addr is a loopback address, otherwise none" placeholder:"CIDR"`
	Origins    []string `name:"cors-origins" help:"Other sites whose pages may call the API from browsers; * allows all. Example: https://shop.example.org." placeholder:"ORIGIN"`
	SMTPURL    string   `name:"smtp-url" help:"Mail server for emails: smtp://USER:PASSWORD@HOST:587?from=ADDRESS with STARTTLS, smtps:// with TLS. Example: smtps://tickets:secret@mail.example.org?from=tickets@example.org." unset:"emails are files in the folder mail of --data, and a warning says so" placeholder:"URL"`
	SMSURL     string   `name:"sms-url" help:"Provider of text messages about events that are cancelled or moved within 48 hours of their start; its API has the shape of Twilio's. Example: https://ACCOUNT:TOKEN@api.twilio.com?from=%2B447400123456&regions=GB,IE." unset:"no text messages are sent, and pages do not ask for mobile numbers" placeholder:"URL"`
	RateLimit  int64    `help:"Requests per second for each account, and twice as many for each address without an account; up to four seconds' worth at once. 0 switches this limit off." default:"50" placeholder:"N"`
	Loopback   int64    `name:"loopback-factor" help:"For rehearsals and tests: multiplies the limits of clients on this machine. Example: 1000." default:"1" placeholder:"N"`
	AccessLog  bool     `help:"Log a line for each request."`
	TwoFactor  bool     `name:"require-two-factor" help:"Organizers and administrators must use two-factor sign-in. Until they have set it up, they only have the rights of customers."`
	NATSURL    string   `name:"nats-url" help:"NATS servers, through which several nodes hear at once what the others do. Example: nats://nats1:4222,nats://nats2:4222, or tls://… for TLS." unset:"none: nodes read the database" placeholder:"URL"`
	NATSCreds  string   `name:"nats-creds" help:"File with the credentials for NATS." placeholder:"FILE"`
	NATSCA     string   `name:"nats-ca" help:"File with the certificates (PEM) that those of the NATS servers are signed by." unset:"those that this machine trusts" placeholder:"FILE"`
	Payments   string   `help:"Payment gateway: none; sandbox, a pretend one in this server that moves no money; sandbox=URL, one of boxoffice sandbox-gateway; or stripe, with keys from variables such as BOXOFFICE_STRIPE_SECRET_KEY. Example: sandbox=http://127.0.0.1:8070." unset:"none, which sells only what is free; with --demo sandbox" placeholder:"GATEWAY"`
	Reserve    int64    `name:"reserve-percent" help:"Part of what is due to an organizer that settlements hold back for disputed payments after an event, in percent." default:"0" placeholder:"N"`
	ReserveFor int64    `name:"reserve-days" help:"For how many days after an event --reserve-percent is held back." default:"90" placeholder:"N"`
	Wallets
	Demo bool `help:"Fill the database with sample events and accounts, and print the passwords. Only on a loopback --addr, and if the database is empty or was made by a demo."`
}

// DemoOrganizer is the address of the account that marks a database as a demo's.
const DemoOrganizer = "organizer@demo.example"

// Check refuses malformed settings before anything is opened, and says what would be
// valid.
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
	if _, err := s.Mail(); err != nil {
		return err
	}
	if _, err := s.Texts(); err != nil {
		return err
	}
	if err := errors.Join(s.checkNATS(), s.Wallets.check()); err != nil {
		return err
	}
	switch {
	case s.RateLimit < 0:
		return BadFlag("--rate-limit", "%d is less than 0, which is no limit", s.RateLimit)
	case s.Loopback < 1 || s.Loopback > 1_000_000:
		return BadFlag("--loopback-factor", "%d is not between 1 and 1000000", s.Loopback)
	case s.Reserve < 0 || s.Reserve > 100:
		return BadFlag("--reserve-percent", "%d is not between 0 and 100", s.Reserve)
	case s.ReserveFor < 0 || s.ReserveFor > 3650:
		return BadFlag("--reserve-days", "%d is not between 0 and 3650", s.ReserveFor)
	case s.Demo && s.SMTPURL != "":
		return Error{WrongUsage, "--smtp-url", errors.New("--demo shows its emails at /dev/mail and sends none, since its addresses are nobody's: leave out --smtp-url")}
	case s.Demo && s.SMSURL != "":
		return Error{WrongUsage, "--sms-url", errors.New("--demo sends no text messages, since its people are nobody: leave out --sms-url")}
	case s.Demo && !Loopback(s.Addr):
		return Error{WrongUsage, "--demo", fmt.Errorf("--demo prints passwords, so it is refused on %s: use a loopback address, such as 127.0.0.1:8080", s.Addr)}
	}
	return nil
}

// Gateway is the payment gateway of Payments, which is one with --demo only by default.
func (s *Server) Gateway() string {
	if s.Payments == "" && s.Demo {
		return "sandbox"
	}
	return s.Payments
}

// Missing says what a server cannot do, because settings are missing.
func (s *Server) Missing() (list []string) {
	if s.SMTPURL == "" && !s.Demo {
		list = append(list, "--smtp-url is missing: emails are only files in the folder mail of --data, so nobody gets them, and nobody can verify an address.")
	}
	if gateway := s.Gateway(); gateway == "" || gateway == "none" {
		list = append(list, "--payments is none: nothing can be paid, so only what is free is sold.")
	}
	return list
}

// checkNATS refuses addresses of NATS of a wrong form, and files that cannot be read.
func (s *Server) checkNATS() error {
	if s.NATSURL == "" {
		for flag, value := range map[string]string{"--nats-creds": s.NATSCreds, "--nats-ca": s.NATSCA} {
			if value != "" {
				return Error{WrongUsage, flag, fmt.Errorf("%s goes with --nats-url", flag)}
			}
		}
		return nil
	}
	for text := range strings.SplitSeq(s.NATSURL, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" { // not shown: it may have a password
			return BadFlag("--nats-url", "an address is not one of a NATS server, such as nats://nats1:4222 or tls://nats1:4222; several have commas in between; in a password, write %%25 for %%, %%40 for @, %%2F for /, %%3F for ?, %%23 for # and %%2C for a comma")
		}
	}
	for flag, name := range map[string]string{"--nats-creds": s.NATSCreds, "--nats-ca": s.NATSCA} {
		if name == "" {
			continue
		}
		if f, err := os.Open(name); err != nil {
			return BadFlag(flag, "%v", err)
		} else if err := f.Close(); err != nil {
			return BadFlag(flag, "%v", err)
		}
	}
	return nil
}

// checkPublicURL accepts a scheme and a host, nothing more.
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
	if _, err := site(u); err != nil {
		return BadFlag("--public-url", "%q %v", text, err)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		return BadFlag("--public-url", "nobody can reach %s: it is all networks of a machine, not one of its addresses", u.Hostname())
	}
	return nil
}

// checkOrigin accepts an origin as browsers send it (RFC 6454), or *.
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
	right, err := site(u)
	if err != nil {
		return BadFlag("--cors-origins", "%q %v", text, err)
	}
	written := right // as browsers send it; other letters than ASCII may be written as they are
	if strings.ContainsFunc(u.Host, beyondASCII) {
		written = u.Scheme + "://" + u.Host
	}
	if text != written {
		return BadFlag("--cors-origins", "browsers never send %q as an origin: did you mean %s?", text, right)
	}
	return nil
}

// TrustedProxies returns the networks of the proxies whose X-Forwarded-For is
// trusted.
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

// AllowedOrigins are the sites whose pages may call the API, as browsers send them.
func (s *Server) AllowedOrigins() []string {
	list := make([]string, len(s.Origins))
	for i, text := range s.Origins {
		if list[i] = text; text != "*" {
			list[i] = siteOf(text)
		}
	}
	return list
}

// LinksInMails returns the beginning of links in mails. If the address is unknown,
// the text says so, and readers can still find the page.
func LinksInMails(base string) string {
	return cmp.Or(base, "[this ticket office's address, which its server was not told: see --public-url]")
}

// Base returns the address with which links begin: the configured one, or the
// address that the server listens on if it is a complete one; "" if unknown. It is
// never taken from a request.
func (s *Server) Base(listens net.Addr) string {
	if s.PublicURL != "" {
		return s.Public()
	}
	if at, err := netip.ParseAddrPort(listens.String()); err == nil && at.Addr().IsUnspecified() {
		return ""
	}
	return "http://" + listens.String()
}

// Public is PublicURL without a slash at its end, and as browsers write it; "" when
// there is none.
func (s *Server) Public() string {
	if s.PublicURL == "" {
		return ""
	}
	return siteOf(s.PublicURL)
}

// PublicHost is the host of PublicURL in lower case and A-labels; "" when there is none.
func (s *Server) PublicHost() string {
	u, err := url.Parse(s.Public())
	if err != nil {
		return ""
	}
	return u.Hostname()
}
