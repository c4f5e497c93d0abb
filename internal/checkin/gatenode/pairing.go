package gatenode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"boxoffice/internal/codec"
)

// pairing is what a gate node keeps in a file of its folder, for its owner only.
type pairing struct {
	URL    string `json:"url"`
	Event  string `json:"event"`
	Device string `json:"device"`
	Token  string `json:"token"`
}

const pairingFile = "pairing.json"

// ErrUnpaired is the error of Open for a folder without a pairing, when there is no code.
var ErrUnpaired = errors.New("this folder is not paired yet: make a pairing code for a gate node in the console (The door, Devices), and give it as --code")

// Paired reports whether a folder has a pairing.
func Paired(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, pairingFile))
	return err == nil
}

// Pair pairs a folder with its code, unless it is paired.
func Pair(ctx context.Context, cfg Config) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	_, err := pair(ctx, &cfg)
	return err
}

// pair reads the pairing of a folder, or makes it with a code.
func pair(ctx context.Context, cfg *Config) (pairing, error) {
	path := filepath.Join(cfg.Dir, pairingFile)
	raw, err := os.ReadFile(path)
	var p pairing
	switch {
	case err == nil:
		if err := codec.ReadKnown(raw, &p); err != nil {
			return p, fmt.Errorf("%s: %w", path, err)
		}
		if cfg.URL != "" && cfg.URL != p.URL {
			return p, fmt.Errorf("--url: %s is paired with %s: use another folder for another box office", cfg.Dir, p.URL)
		}
		return p, nil
	case !errors.Is(err, fs.ErrNotExist):
		return p, fmt.Errorf("read the pairing: %w", err)
	case cfg.Code == "":
		return p, ErrUnpaired
	case cfg.URL == "":
		return p, errors.New("--url: the address of the box office is missing")
	}
	o := newOffice(cfg.URL, "")
	made, err := o.pair(ctx, "node", cfg.Code, cfg.Name)
	if err != nil {
		return p, fmt.Errorf("pair this gate node with %s: %w", cfg.URL, err)
	}
	p = pairing{cfg.URL, made.State.Event.ID, made.Device, made.Token}
	return p, p.write(path)
}

// write stores a pairing so that it is there after a power cut: its code works once.
func (p pairing) write(path string) error {
	raw, err := codec.Indent(p)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("store the pairing: %w", err)
	}
	_, err = f.Write(append(raw, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("store the pairing: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("store the pairing: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
