package notify

import (
	"slices"
	"time"
)

// pace limits the mails to the addresses of one domain. Only one goroutine uses it.
type pace struct {
	perSecond float64 // 0: no limit
	domains   map[string]*domainPace
}

type domainPace struct {
	tokens float64 // mails that may go at once, as of at
	at     time.Time
	last   [urgencies]time.Time // until when mails of an urgency were put off
}

// almost is what rounding may take from a token.
const almost = 1e-6

// domainsKept is how many domains are remembered before idle ones are forgotten.
const domainsKept = 10_000

func newPace(perSecond int) pace {
	return pace{perSecond: float64(perSecond), domains: map[string]*domainPace{}}
}

// take reports whether a mail to a domain may go now; otherwise later says when. Mails
// that are put off get times one after another, after those of more urgent ones and
// before those of less urgent ones: these do not go while more urgent ones wait.
func (p *pace) take(domain string, urgency int, now time.Time) (ok bool, later time.Time) {
	if p.perSecond == 0 {
		return true, time.Time{}
	}
	d := p.domains[domain]
	if d == nil {
		if len(p.domains) >= domainsKept {
			p.forget(now)
		}
		d = &domainPace{tokens: p.perSecond, at: now}
		p.domains[domain] = d
	}
	d.tokens = min(p.perSecond, d.tokens+now.Sub(d.at).Seconds()*p.perSecond)
	d.at = now
	from := now
	for _, last := range d.last[:urgency] { // more urgent ones are claimed at the next look
		if until := last.Add(lookEvery); !last.IsZero() && until.After(from) {
			from = until
		}
	}
	if d.tokens > 1-almost && !from.After(now) {
		d.tokens = max(0, d.tokens-1)
		return true, time.Time{}
	}
	last := &d.last[urgency]
	if last.Before(from) {
		*last = from
	}
	*last = last.Add(time.Duration(float64(time.Second) / p.perSecond))
	return false, *last
}

// forget removes domains to which nothing was sent for some seconds: they start over
// with the same right.
func (p *pace) forget(now time.Time) {
	for name, d := range p.domains {
		if now.Sub(d.at) > 2*time.Second && !slices.ContainsFunc(d.last[:], now.Before) {
			delete(p.domains, name)
		}
	}
}
