package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// SocketName is the socket's name in the folder of the embedded database.
const SocketName = "boxoffice.sock"

// longestPath is how long the address of a Unix socket may be on every system
// (sun_path).
const longestPath = 103

// socketPath returns the address of a folder's socket. On Linux a path that is too
// long is replaced by one through the folder's descriptor, which done closes.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, SocketName)
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is too long for a socket", path)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), SocketName), func() { _ = f.Close() }, nil
}
