package sqldb

import (
	"bytes"
	"io/fs"
	"strings"
)

// textFS is a file system that translates .sql files into the dialect.
type textFS struct {
	fs.FS
	text func(string) string
}

func (t textFS) Open(name string) (fs.File, error) {
	if !strings.HasSuffix(name, ".sql") {
		return t.FS.Open(name)
	}
	raw, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(t.FS, name)
	if err != nil {
		return nil, err
	}
	text := t.text(string(raw))
	return &textFile{bytes.NewReader([]byte(text)), textInfo{info, int64(len(text))}}, nil
}

func (t textFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }

func (t textFS) Glob(pattern string) ([]string, error) { return fs.Glob(t.FS, pattern) }

type textFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *textFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *textFile) Close() error               { return nil }

type textInfo struct {
	fs.FileInfo
	size int64
}

func (i textInfo) Size() int64 { return i.size }
