package bus_test

import (
	"testing"

	"boxoffice/internal/bus/bustest"
)

// The bus without a transport: consumers read the outboxes.
func TestBus(t *testing.T) { bustest.Run(t, nil) }
