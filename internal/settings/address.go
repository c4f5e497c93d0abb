package settings

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
)

func checkAddr(flag, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	n, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err == nil && portErr == nil:
		return nil
	case err != nil && onlyDigits(addr):
		return BadFlag(flag, "%q is not HOST:PORT: 127.0.0.1:%s is this machine only, 0.0.0.0:%s all its networks", addr, addr, addr)
	case err == nil:
		return BadFlag(flag, "%q has no port between 0 and 65535 (%d): it is HOST:PORT, such as 127.0.0.1:8080", addr, n)
	}
	return BadFlag(flag, "%q is not HOST:PORT, such as 127.0.0.1:8080", addr)
}

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// Taken explains an error of listening, and how to resolve it.
func Taken(flag, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: another process listens on %s: end it, or give another address or port (port 0: a free one)", flag, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: %s is no address of this machine", flag, addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: this user may not listen on %s: give a port from 1024 on", flag, addr)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// Loopback reports whether an address can be reached from this machine only.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
