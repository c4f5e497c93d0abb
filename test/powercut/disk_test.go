package powercut

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// disk is a file system in memory that knows what would survive a power cut:
// what was fsynced, and of the rest nothing, or just any part.
type disk struct {
	fs.Inode
	mu    sync.Mutex
	files map[string]*file
}

// file is a file of a disk. Fields are guarded by the disk's lock.
type file struct {
	fs.Inode
	disk    *disk
	data    []byte // as programs see it
	synced  []byte // as it would be found after a power cut
	durable bool   // was ever fsynced
	pending []write
}

// write is a change since the last fsync: bytes at an offset, or a new length.
type write struct {
	at   int64
	data []byte // nil: truncate to at
}

func (w write) apply(b []byte) []byte {
	if w.data == nil {
		if int64(len(b)) > w.at {
			return b[:w.at]
		}
		return append(b, make([]byte, w.at-int64(len(b)))...)
	}
	if end := w.at + int64(len(w.data)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[w.at:], w.data)
	return b
}

// mount puts a new disk at a folder until the test ends.
func mount(t *testing.T) (*disk, string) {
	t.Helper()
	dir := t.TempDir()
	d := &disk{files: map[string]*file{}}
	opts := &fs.Options{}
	opts.DirectMount = true
	opts.FsName = "powercut"
	server, err := fs.Mount(dir, d, opts)
	if err != nil {
		t.Fatalf("mount: %v (this test needs /dev/fuse and the right to mount)", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return d, dir
}

// cut writes into dir what a power cut would leave. Each change that was not
// fsynced survives with the given probability, on its own: disks reorder.
func (d *disk) cut(t *testing.T, dir string, rnd *rand.Rand, survives float64) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.files {
		if !f.durable && survives == 0 {
			continue
		}
		left := append([]byte(nil), f.synced...)
		for _, w := range f.pending {
			if rnd.Float64() < survives {
				left = w.apply(left)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), left, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	_ fs.NodeCreater   = (*disk)(nil)
	_ fs.NodeUnlinker  = (*disk)(nil)
	_ fs.NodeGetattrer = (*disk)(nil)
	_ fs.NodeOpener    = (*file)(nil)
	_ fs.NodeReader    = (*file)(nil)
	_ fs.NodeWriter    = (*file)(nil)
	_ fs.NodeFsyncer   = (*file)(nil)
	_ fs.NodeGetattrer = (*file)(nil)
	_ fs.NodeSetattrer = (*file)(nil)
)

func (d *disk) Create(ctx context.Context, name string, _ uint32, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	d.mu.Lock()
	f := &file{disk: d}
	d.files[name] = f
	d.mu.Unlock()
	child := d.NewInode(ctx, f, fs.StableAttr{Mode: fuse.S_IFREG})
	d.AddChild(name, child, true)
	out.Mode = fuse.S_IFREG | 0o600
	return child, nil, 0, 0
}

func (d *disk) Unlink(_ context.Context, name string) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, name)
	return 0
}

// Getattr says that the folder is its owner's alone, as the program wants it.
func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = fuse.S_IFDIR | 0o700
	return 0
}

func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0 // the page cache serves SQLite's shared memory map
}

func (f *file) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	n := copy(dest, f.data[off:])
	return fuse.ReadResultData(dest[:n]), 0
}

func (f *file) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.change(write{off, append([]byte{}, data...)})
	return uint32(len(data)), 0
}

func (f *file) change(w write) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.data = w.apply(f.data)
	f.pending = append(f.pending, w)
}

// Fsync makes durable what was written so far.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, w := range f.pending {
		f.synced = w.apply(f.synced)
	}
	f.pending, f.durable = nil, true
	return 0
}

func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	out.Mode, out.Size = fuse.S_IFREG|0o600, uint64(len(f.data))
	return 0
}

func (f *file) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		f.change(write{at: int64(size)})
	}
	return f.Getattr(ctx, fh, out)
}
