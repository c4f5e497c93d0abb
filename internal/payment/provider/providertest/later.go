package providertest

import (
	"net/url"
	"time"

	"boxoffice/internal/payment/provider"
)

// farAway is longer than any authorization lasts.
const farAway = 90 * 24 * time.Hour

// A slow method is undecided first, then reserved.
func (k *kit) slow() {
	if k.Slow == "" {
		k.Skip("it has no slow method")
	}
	c := k.authorized(k.charge(k.Slow), provider.Undecided)
	if o := k.stands(c, provider.Waiting); o.Approve != "" {
		k.Errorf("a slow charge is to be approved at %s", o.Approve)
	}
	k.authorize(c, provider.Undecided)
	k.capture(c, provider.Declined)
	k.stands(c, provider.Waiting)
	k.Settle(k.T, c)
	k.stands(c, provider.Reserved)
	k.capture(c, provider.Approved)
	k.stands(c, provider.Taken)
}

// A charge that is voided while the gateway thinks is never reserved.
func (k *kit) slowVoided() {
	if k.Slow == "" {
		k.Skip("it has no slow method")
	}
	c := k.authorized(k.charge(k.Slow), provider.Undecided)
	k.void(c, provider.Approved)
	k.Settle(k.T, c)
	k.stands(c, provider.Released)
	k.capture(c, provider.Declined)
}

// away authorizes a charge that the buyer approves elsewhere.
func (k *kit) away() (c provider.Charge, approve string) {
	k.Helper()
	if k.Elsewhere == "" {
		k.Skip("its buyers approve nothing elsewhere")
	}
	c = k.charge(k.Elsewhere)
	o := k.authorize(c, provider.Undecided)
	c.Reference = o.Reference
	if u, err := url.Parse(o.Approve); err != nil || u.Host == "" {
		k.Fatalf("the buyer is to approve at %q", o.Approve)
	}
	if found := k.stands(c, provider.Waiting); found.Approve != o.Approve {
		k.Errorf("the buyer is to approve at %q, then at %q", o.Approve, found.Approve)
	}
	return c, o.Approve
}

// Buyers who approve pay, once.
func (k *kit) elsewhere() {
	c, approve := k.away()
	k.capture(c, provider.Declined) // nobody has approved it
	k.Visit(k.T, approve, true)
	k.Visit(k.T, approve, true) // reloads the page
	if o := k.stands(c, provider.Reserved); o.Approve != "" {
		k.Errorf("what was approved is still to be approved at %s", o.Approve)
	}
	k.authorize(c, provider.Approved)
	k.capture(c, provider.Approved)
	k.Visit(k.T, approve, false) // too late
	k.stands(c, provider.Taken)
	k.once(c, provider.Captured, amount)
}

// Buyers who refuse do not pay.
func (k *kit) elsewhereRefused() {
	c, approve := k.away()
	k.Visit(k.T, approve, false)
	if o := k.stands(c, provider.Rejected); o.Reason == "" {
		k.Error("it is declined without a reason")
	}
	k.capture(c, provider.Declined)
}

// Approving what was given up reserves nothing.
func (k *kit) elsewhereVoided() {
	c, approve := k.away()
	k.void(c, provider.Approved)
	k.Visit(k.T, approve, true)
	k.stands(c, provider.Released)
	k.capture(c, provider.Declined)
	k.once(c, provider.Captured)
}

// Authorizations expire at the time that the gateway has said.
func (k *kit) expired() {
	if k.Expire == nil {
		k.Skip("its authorizations never expire")
	}
	c := k.reserved()
	o := k.stands(c, provider.Reserved)
	if now := k.Now(); !o.CaptureBefore.After(now) || o.CaptureBefore.After(now.Add(farAway)) {
		k.Errorf("at %v: an authorization expires at %v", now, o.CaptureBefore)
	}
	if again := k.authorize(c, provider.Approved); !again.CaptureBefore.Equal(o.CaptureBefore) {
		k.Errorf("it is to be captured before %v, then before %v", o.CaptureBefore, again.CaptureBefore)
	}
	k.Expire(k.T, c)
	if o := k.stands(c, provider.Released); o.Reason != provider.Expired {
		k.Errorf("what has expired is released for %q", o.Reason)
	}
	late, err := k.Gateway.Capture(k.ctx, c.ID+".capture", c)
	if k.expect("capture", late, err, provider.Declined); late.Reason != provider.Expired {
		k.Errorf("what has expired is not captured for %q", late.Reason)
	}
	k.void(c, provider.Approved)
	k.stands(c, provider.Released)
	k.once(c, provider.Captured)
}
