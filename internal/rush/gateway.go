package rush

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Gateways that rush can run in a process of their own. Both answer as slowly as real
// ones on a bad day.
const (
	goodGateway = "good"
	badGateway  = "bad" // some answers are errors, before or after it acts, and some do not come
)

const gatewayLatency = "50ms-2s"

var badFaults = []string{"error-before=0.05", "error-after=0.05", "timeout-after=0.01"}

// gateway is a payment gateway in a process of its own.
type gateway struct {
	*server
	data string // the folder of its record
}

const gatewaySecret = "rehearsal"

// startGateway runs "sandbox-gateway" of this program.
func startGateway(ctx context.Context, kind string, seed uint64) (*gateway, error) {
	data, err := os.MkdirTemp("", "boxoffice-gateway-")
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	args := []string{"sandbox-gateway", "--addr", "127.0.0.1:0", "--data", data, "--secret", gatewaySecret, "--latency", gatewayLatency, "--seed", fmt.Sprint(seed)}
	if kind == badGateway {
		args = append(args, "--faults", strings.Join(badFaults, ","))
	}
	s, err := launch(ctx, args)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	return &gateway{s, data}, nil
}

// flag is the address as --payments takes it.
func (g *gateway) flag() string {
	return "sandbox=" + strings.Replace(g.url, "http://", "http://:"+gatewaySecret+"@", 1)
}

func (g *gateway) close() {
	g.kill()
	_ = os.RemoveAll(g.data)
}

// books are the gateway's own view of all money.
type books struct {
	Charges []struct {
		Charge   string `json:"charge"`
		Status   string `json:"status"`
		Captured int64  `json:"captured"` // minor units
		Refunds  []struct {
			Amount int64 `json:"amount"`
		} `json:"refunds"`
	} `json:"charges"`
}

// readBooks reads the books from the gateway's record.
func (g *gateway) readBooks(ctx context.Context) (b books, err error) {
	exe, err := os.Executable()
	if err != nil {
		return b, fmt.Errorf("books of the gateway: %w", err)
	}
	cmd := exec.CommandContext(ctx, exe, "sandbox-gateway", "books", "--json", "--data", g.data)
	cmd.Env = bare(os.Environ())
	raw, err := cmd.Output()
	if err == nil {
		err = codec.ReadKnown(raw, &b)
	}
	if err != nil {
		return b, fmt.Errorf("books of the gateway: %w", err)
	}
	return b, nil
}

// books compares what the gateway has of each payment with the database: the gateway
// keeps what is paid for sold bookings and nothing else, and has nothing reserved.
func (a *Audit) books(ctx context.Context, db *sqldb.DB, b books) error {
	kept := map[string]int64{} // by payment
	for i := range b.Charges {
		c := &b.Charges[i]
		id, _, _ := strings.Cut(c.Charge, ".")
		kept[id] += c.Captured
		for _, r := range c.Refunds {
			kept[id] -= r.Amount
		}
		if !slices.Contains([]string{"succeeded", "canceled", "failed"}, c.Status) {
			a.OrphanPayments++
			a.broken(3, "the gateway says that charge %s is %s", c.Charge, c.Status)
		}
	}
	err := payment.Ledger(ctx, db.Reader(), "", func(p payment.Row) error {
		should := int64(0)
		if p.Status == paymentapi.Captured || p.Status == paymentapi.PartlyRefunded {
			should = p.Amount - p.Refunded
		}
		if kept[p.ID] != should {
			a.OrphanPayments++
			a.broken(3, "payment %s keeps %d %s, and the gateway says %d", p.ID, should, p.Currency, kept[p.ID])
		}
		delete(kept, p.ID)
		return nil
	})
	for id, amount := range kept {
		if amount != 0 {
			a.OrphanPayments++
			a.broken(3, "the gateway keeps %d of payment %s, which does not exist", amount, id)
		}
	}
	return err
}
