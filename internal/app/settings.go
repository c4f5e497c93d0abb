package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// check refuses settings of a wrong form before anything is opened, and says
// what would be right.
func (s *Serve) check() error {
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
	if _, err := s.trusted(); err != nil {
		return err
	}
	switch {
	case s.RateLimit < 0:
		return badFlag("--rate-limit", "%d is less than 0, which is no limit", s.RateLimit)
	case s.Loopback < 1 || s.Loopback > 1_000_000:
		return badFlag("--loopback-factor", "%d is not between 1 and 1000000", s.Loopback)
	case s.Demo && !loopback(s.Addr):
		return exit{2, "--demo", fmt.Errorf("--demo prints passwords, so it is refused on %s: use a loopback address, such as 127.0.0.1:8080", s.Addr)}
	}
	return nil
}

func checkAddr(flag, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	n, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err == nil && portErr == nil:
		return nil
	case err != nil && onlyDigits(addr):
		return badFlag(flag, "%q is not HOST:PORT: 127.0.0.1:%s is this machine only, 0.0.0.0:%s all its networks", addr, addr, addr)
	case err == nil:
		return badFlag(flag, "%q has no port between 0 and 65535 (%d): it is HOST:PORT, such as 127.0.0.1:8080", addr, n)
	}
	return badFlag(flag, "%q is not HOST:PORT, such as 127.0.0.1:8080", addr)
}

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// checkPublicURL takes the address of a site: scheme and host, nothing more.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err == nil && u.Host == "" && !strings.Contains(text, "://") {
		return badFlag("--public-url", "%q has no scheme: did you mean https://%s?", text, text)
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return badFlag("--public-url", "%q is not a site's address, such as https://tickets.example.org", text)
	}
	if right := u.Scheme + "://" + u.Host; strings.TrimSuffix(text, "/") != right {
		return badFlag("--public-url", "%q has more than scheme and host; pages begin at the root of a site: did you mean %s?", text, right)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		return badFlag("--public-url", "nobody can reach %s: it is all networks of a machine, not one of its addresses", u.Hostname())
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
		return badFlag("--cors-origins", "%q has no scheme: did you mean https://%s?", text, text)
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Host, "*") {
		return badFlag("--cors-origins", "%q is not an origin, such as https://shop.example.org, nor * for all", text)
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	if right := u.Scheme + "://" + host; text != right {
		return badFlag("--cors-origins", "browsers never send %q as an origin: did you mean %s?", text, right)
	}
	return nil
}

// trusted are the networks of the proxies that are believed.
func (s *Serve) trusted() (list []netip.Prefix, err error) {
	for _, text := range s.Proxies {
		network, err := netip.ParsePrefix(text)
		if ip, ipErr := netip.ParseAddr(text); err != nil && ipErr == nil {
			return nil, badFlag("--trusted-proxies", "%q is an address: did you mean %s?", text, netip.PrefixFrom(ip, ip.BitLen()))
		}
		if err != nil {
			return nil, badFlag("--trusted-proxies", "%q is not a network, such as 10.0.0.0/8 or 192.0.2.7/32", text)
		}
		if network != network.Masked() {
			return nil, badFlag("--trusted-proxies", "%s is an address within a network: did you mean %s or %s?", text, network.Masked(), netip.PrefixFrom(network.Addr(), network.Addr().BitLen()))
		}
		list = append(list, network)
	}
	return list, nil
}

// inMails is what links in mails begin with. Without an address they say so, and
// their reader can still find the page.
func inMails(base string) string {
	return cmp.Or(base, "[this ticket office's address, which its server was not told: see --public-url]")
}

// base is the address that links begin with: what the server was told, or the
// address that it listens on when that is one; "" when nobody knows. It is never
// taken from a request.
func (s *Serve) base(listens net.Addr) string {
	if s.PublicURL != "" {
		return strings.TrimSuffix(s.PublicURL, "/")
	}
	if at, err := netip.ParseAddrPort(listens.String()); err == nil && at.Addr().IsUnspecified() {
		return ""
	}
	return "http://" + listens.String()
}

// demoOnly refuses a database that has accounts or events, but is not a demo's: a
// demo adds events and gives accounts passwords that it prints.
func (p *Parts) demoOnly(ctx context.Context) error {
	var accounts, events, organizers int
	err := p.DB.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events),
		(SELECT count(*) FROM users WHERE email = $1 AND role = 'organizer')`, demoOrganizer).Scan(&accounts, &events, &organizers)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if accounts+events > 0 && organizers == 0 {
		return badFlag("--demo", "this database is not a demo's (%s, %s): use an empty one, such as --data demo-data",
			counted(accounts, "account", "accounts"), counted(events, "event", "events"))
	}
	return nil
}
