package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"boxoffice/internal/codec"
)

// LogName is the file in the data folder: a line for each operation, oldest first.
const LogName = "sandbox-gateway.jsonl"

// record is the log of a book.
type record struct {
	file *os.File
	buf  []byte
	err  error // what the log could not take: from then on the book is ahead of it
}

// openRecord reads the log of a folder, which is made if there is none, into a book.
func openRecord(dir string, b *book) (*record, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox gateway: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, LogName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox gateway: %w", err)
	}
	whole, err := replay(f, b)
	if err == nil { // a line that a crash has cut was answered to nobody
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox gateway: %w", err), f.Close())
	}
	return &record{file: f}, nil
}

// readBook reads the log of a folder, also while a gateway writes it.
func readBook(dir string) (*book, error) {
	f, err := os.Open(filepath.Join(dir, LogName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not the data folder of a sandbox gateway: it has no %s", dir, LogName)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := newBook()
	_, err = replay(f, b)
	return b, err
}

// replay applies the whole lines of a log, and returns how many bytes they have.
func replay(r io.Reader, b *book) (whole int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		var o op
		if err := codec.ReadKnown(line, &o); err != nil {
			return whole, fmt.Errorf("%s: line %d: %w", LogName, n, err)
		}
		b.apply(o)
		whole += int64(len(line))
	}
}

// note adds an operation, which is durable after sync.
func (r *record) note(o op) {
	line, err := codec.Marshal(o)
	if err != nil {
		r.err = errors.Join(r.err, err)
	}
	r.buf = append(append(r.buf, line...), '\n')
}

// sync makes durable what was noted. After an error the book is ahead of the log, and
// nothing is answered any more.
func (r *record) sync() error {
	if len(r.buf) == 0 || r.err != nil {
		return r.err
	}
	if _, err := r.file.Write(r.buf); err != nil {
		r.err = err
	} else {
		r.err = r.file.Sync()
	}
	r.buf = r.buf[:0]
	return r.err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
