package gateway

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/limit"
	"boxoffice/internal/route"
)

// Limits are the rate limits for clients.
type Limits struct {
	Limiter limit.Limiter // nil: nobody is limited
	Account limit.Rate    // for each account
	Address limit.Rate    // for each address, of those who are not signed in
	Entry   limit.Rate    // for each address, and for each account whose address is verified: log-in, sign-up, guests, and everything that checks a secret or sends a mail

	// LoopbackFactor multiplies the limits of clients on this machine, for
	// rehearsals and tests; 0 and 1 change nothing.
	LoopbackFactor int64
}

// DefaultLimits allow an account perSecond requests a second, an address twice as
// many, both with bursts of four seconds' worth, and thirty entries a minute (see
// Limits.Entry), which include visitors who hold seats.
func DefaultLimits(perSecond int64, l limit.Limiter) Limits {
	const at = 4
	return Limits{
		Limiter: l,
		Account: limit.Rate{Burst: at * perSecond, Per: at * time.Second},
		Address: limit.Rate{Burst: 2 * at * perSecond, Per: at * time.Second},
		Entry:   limit.Rate{Burst: 30, Per: time.Minute},
	}
}

// policy is a rate with its name and the header that announces it to clients.
type policy struct {
	name   string
	rate   limit.Rate
	header []string // RateLimit-Policy
}

// policies are the rates: [0] for remote clients, [1] for clients on this machine.
type policies struct{ account, address, entry, probe [2]policy }

func newPolicies(l Limits) *policies {
	if l.Limiter == nil {
		return nil
	}
	both := func(name string, r limit.Rate) (p [2]policy) {
		for i := range p {
			if i == 1 {
				r.Burst *= max(1, l.LoopbackFactor)
			}
			// draft-ietf-httpapi-ratelimit-headers-10: a quota q in a window of w seconds.
			text := strconv.Quote(name) + ";q=" + strconv.FormatInt(r.Burst, 10) + ";w=" + strconv.FormatInt(int64(r.Per/time.Second), 10)
			p[i] = policy{name, r, []string{text}}
		}
		return p
	}
	return &policies{account: both("account", l.Account), address: both("address", l.Address), entry: both("entry", l.Entry), probe: both("probe", l.Address)}
}

// quota is the content of the RateLimit headers. Without a policy, the request was
// not counted.
type quota struct {
	policy []string // RateLimit-Policy
	state  string   // RateLimit
}

// admit counts a request, and refuses it if there were too many. Otherwise it
// returns err, the result of authenticating the caller; requests with an invalid
// token count against their address.
func (g *Gateway) admit(q *request, caller caller.Caller, err error) (quota, error) {
	if g.policies == nil || q.traits.Has(route.Uncounted) {
		return quota{}, err
	}
	where := 0
	if q.client.IsLoopback() {
		where = 1
	}
	p, name := &g.policies.account[where], caller.UserID
	switch {
	case q.traits.Has(route.Apart):
		p, name = &g.policies.probe[where], q.clientKey()
	case q.traits.Has(route.Entry) && !caller.Verified, q.traits.Has(route.Visitors) && !caller.SignedIn(): // anybody can become a visitor or sign up
		p, name = &g.policies.entry[where], q.clientKey()
	case q.traits.Has(route.Entry): // many may share the address of a known account
		p = &g.policies.entry[where]
	case !caller.SignedIn():
		p, name = &g.policies.address[where], q.clientKey()
	}
	res, limiterErr := g.cfg.Limits.Limiter.Take(q, limit.Key{Class: p.name, Name: name}, p.rate)
	if limiterErr != nil {
		g.cfg.Log.Warn("requests are not counted", "error", limiterErr)
		return quota{}, err // a limiter that fails keeps nobody out
	}
	left := quota{p.header, state(p.name, &res)}
	if res.Allowed {
		return left, err
	}
	g.metrics.limited.WithLabelValues(p.name).Inc()
	return left, errs.New(errs.TooMany, "too-many-requests", "Too many requests; please slow down.").After(res.Retry)
}

// state formats the RateLimit header: r requests remain, and the quota is full again
// in t seconds.
func state(name string, res *limit.Result) string {
	b := make([]byte, 0, 48)
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, res.Remaining, 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, int64(math.Ceil(res.Reset.Seconds())), 10)
	return string(b)
}

// crowded is the fill level of the writers' queues above which new holds are
// refused.
const crowded = 0.6

// pressed refuses new holds while the writers are far behind, because an early
// refusal is better than a late one. Payments, swaps and cancellations of seats
// already held are not affected.
func (g *Gateway) pressed(q *request) error {
	if g.cfg.Pressure == nil || !q.traits.Has(route.Holds) {
		return nil
	}
	waiting, capacity := g.cfg.Pressure()
	if float64(waiting) < crowded*float64(capacity) {
		return nil
	}
	g.metrics.turnedAway.Inc()
	wait := time.Second + time.Duration(rand.Int64N(int64(2*time.Second))) // spread, so that clients do not all return at once
	return errs.New(errs.Unavailable, "busy", "We are very busy; please try again in a moment.").After(wait)
}

func (q *request) clientKey() string {
	if q.client == (netip.Addr{}) {
		return "unknown"
	}
	return networkKey(q.client)
}
