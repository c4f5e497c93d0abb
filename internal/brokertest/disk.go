package brokertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system.
type Disk struct {
	t            testing.TB
	Dir, ballast string
}

// SmallDisk mounts one of so many MiB until the test ends. Where that cannot be done, the
// test is skipped.
func SmallDisk(t testing.TB, size int) *Disk {
	t.Helper()
	d, err := Mount(t, size)
	if err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	return d
}

// Mount is SmallDisk for tests that go on without one.
func Mount(t testing.TB, size int) (*Disk, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "boxoffice-disk-") // where PostgreSQL's user may look too
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=1777", size)); err != nil {
		return nil, err // only root may
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 2) }) // MNT_DETACH
	return &Disk{t: t, Dir: dir, ballast: filepath.Join(dir, "ballast")}, nil
}

// Fill leaves no room.
func (d *Disk) Fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	for err = error(nil); err == nil; { // the last bytes
		_, err = f.Write([]byte{0})
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
}

// Empty makes room again.
func (d *Disk) Empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast); err != nil {
		d.t.Fatal(err)
	}
}
