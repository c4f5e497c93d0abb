package sqldb

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockName is the file in the folder that the process with the database keeps locked.
// The lock ends with the process, even in a crash; the file itself stays.
const lockName = "boxoffice.lock"

// ErrInUse is the kind of error that Open returns for a folder that another
// process has open; see InUse.
var ErrInUse = errors.New("in use")

// InUse is the error that says which process has a folder open.
type InUse struct {
	Dir     string
	Process int // 0: not known
}

func (e InUse) Error() string {
	who := "another boxoffice"
	if e.Process != 0 {
		who = fmt.Sprintf("another boxoffice (process %d)", e.Process)
	}
	return fmt.Sprintf("the folder %s is in use by %s: an embedded database belongs to one process", e.Dir, who)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e InUse) Is(target error) bool { return target == ErrInUse }

// lockFolder locks the folder for this process, or returns InUse.
func lockFolder(dir string) (*flock.Flock, error) {
	l := flock.New(filepath.Join(dir, lockName), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("open database: lock %s: %w", l.Path(), err)
	}
	if !ok {
		said, _ := os.ReadFile(l.Path()) // only for the error message
		process, _ := strconv.Atoi(strings.TrimSpace(string(said)))
		return nil, errors.Join(InUse{dir, process}, l.Close())
	}
	if err := os.WriteFile(l.Path(), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), l.Close())
	}
	return l, nil
}

// makePrivate creates the folder and the database file for their owner only, and
// removes permissions that an older version or a lax umask gave to others. A folder
// that is meant to be shared (with the sticky bit, like /tmp) stays as it is: the files
// in it are private anyway.
func makePrivate(dir, file string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// An existing file is never opened, only changed by path: closing a descriptor of it
	// would drop the locks that SQLite has on it in this process.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		err = f.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return err
	}
	tighten(dir, 0o700)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		tighten(file+suffix, 0o600)
	}
	return nil
}

// tighten removes the permissions of a file that are not in mode. If the file belongs to
// somebody else, it only logs a warning: the program can work with it.
func tighten(name string, mode fs.FileMode) {
	info, err := os.Stat(name)
	if err != nil || info.Mode()&fs.ModeSticky != 0 || info.Mode().Perm()&^mode == 0 {
		return
	}
	if err := os.Chmod(name, info.Mode().Perm()&mode); err != nil {
		slog.Warn("others may read the database", "file", name, "mode", info.Mode().Perm().String(), "error", err)
	}
}
