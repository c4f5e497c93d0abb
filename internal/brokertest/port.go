package brokertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the ports that FreePort has returned.
var given sync.Map

// FreePort returns a port on which nobody listens and that it has not returned before. It
// is below the ephemeral range, from which an outgoing connection could take it before a
// server does.
func FreePort() (int, error) {
	const lowest, highest = 10_000, 32_000
	err := errors.New("all ports are taken")
	for range 200 {
		port := lowest + rand.IntN(highest-lowest)
		if _, before := given.LoadOrStore(port, true); before {
			continue
		}
		l, failed := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if failed == nil {
			return port, l.Close()
		}
		err = failed
	}
	return 0, err
}

// FreeAddr is an address of this machine, host:port, with such a port.
func FreeAddr(t testing.TB) string {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
