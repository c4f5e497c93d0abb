package sqldb

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder belongs to one process, and is free again once that process has closed it.
func TestFolderBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{Dir: dir})
	var used InUse
	if !errors.Is(err, ErrInUse) || !errors.As(err, &used) || used.Process != os.Getpid() || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a second one is told %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database can be opened read-only while another process has it: it then shows what
// is committed, and cannot be changed.
func TestReadOnlyBeside(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a database that is not there: %v", err)
	}
	db, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t (a BIGINT)")
	reader, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO t VALUES (1)")
	count := func() (n int) {
		t.Helper()
		if err := reader.Reader().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 1 {
		t.Fatalf("%d rows", n)
	}
	if err := reader.Write(t.Context(), func(*sql.Tx) error { return nil }); err == nil {
		t.Fatal("it writes")
	}
	if _, err := reader.Reader().Exec("INSERT INTO t VALUES (2)"); err == nil {
		t.Fatal("its readers write")
	}
	if about, err := reader.About(t.Context()); err != nil || about.Fsync != "on" {
		t.Fatalf("%+v %v", about, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1 {
		t.Fatalf("%d rows once the other has ended", n)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
}

// After a crash, the part of the WAL that is not in the file yet is read as well.
func TestReadOnlyAfterACrash(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE t (a BIGINT)")
	exec(t, db, "INSERT INTO t VALUES (1)")
	left := t.TempDir()
	for _, name := range []string{FileName, FileName + "-wal"} {
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(db.path), name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := Open(t.Context(), Config{Dir: left, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var n int
	if err := reader.Reader().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// Only their owner has access to the folder and all files of the database, including
// files made before.
func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec(t, db, "CREATE TABLE t (a BIGINT)")
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}
