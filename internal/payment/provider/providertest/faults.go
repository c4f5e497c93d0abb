package providertest

import (
	"context"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
)

// patience is how long a step may take while the line is broken. A fault that makes the
// gateway slower ends with it.
const patience = 400 * time.Millisecond

// faults breaks the line at every step, in every way. An answer that is not the
// gateway's is an error, never a refusal; and repeated with the same key once the line
// is mended, the step is done, once.
func (k *kit) faults() {
	if len(k.Faults) == 0 {
		k.Skip("nothing can break")
	}
	for name, fault := range k.Faults {
		k.Run(name, func(t *testing.T) {
			k := *k
			k.T, k.ctx = t, t.Context()
			k.n = 100 * (1 + indexOf(k.Faults, name))
			k.broken(fault)
		})
	}
}

func (k *kit) broken(fault func(t *testing.T) (mend func())) {
	c := k.reserved()
	through := func(step string, do func(ctx context.Context) (provider.Outcome, error)) {
		k.Helper()
		mend := fault(k.T)
		ctx, cancel := context.WithTimeout(k.ctx, patience)
		o, err := do(ctx)
		cancel()
		mend()
		if err == nil {
			k.Errorf("%s through a broken line: %+v and no error", step, o)
		}
		o, err = do(k.ctx)
		k.expect(step+" after the line was mended", o, err, provider.Approved)
	}
	if k.Approves != "" {
		fresh := k.charge(k.Approves)
		through("authorize", func(ctx context.Context) (provider.Outcome, error) {
			return k.Gateway.Authorize(ctx, fresh.ID+".authorize", fresh)
		})
		k.stands(fresh, provider.Reserved)
	}
	mend := fault(k.T)
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	standing, o, err := k.Gateway.Find(ctx, c)
	cancel()
	mend()
	if err == nil {
		k.Errorf("find through a broken line: %d, %+v and no error", standing, o)
	}
	through("capture", func(ctx context.Context) (provider.Outcome, error) {
		return k.Gateway.Capture(ctx, c.ID+".capture", c)
	})
	through("refund", func(ctx context.Context) (provider.Outcome, error) {
		return k.Gateway.Refund(ctx, c.ID+".refund", c, 1500)
	})
	d := k.reserved()
	through("void", func(ctx context.Context) (provider.Outcome, error) {
		return k.Gateway.Void(ctx, d.ID+".void", d)
	})
	k.once(c, provider.Captured, amount)
	k.once(c, provider.Refunded, 1500)
	k.once(d, provider.Voided, amount)
	k.stands(d, provider.Released)
}

func indexOf(faults map[string]func(t *testing.T) func(), name string) (n int) {
	for other := range faults {
		if other < name {
			n++
		}
	}
	return n
}
