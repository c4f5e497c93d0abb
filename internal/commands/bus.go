package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/settings"
)

// Dead changes what becomes of dead letters.
type Dead interface {
	Replay(ctx context.Context, f bus.Filter) (int64, error)
	Drop(ctx context.Context, f bus.Filter) (int64, error)
}

// DeadList lists dead letters.
type DeadList struct {
	settings.Storage
	Consumer string `help:"Only those of this consumer. Example: notify." unset:"all" placeholder:"NAME"`
	Topic    string `help:"Only messages of this topic. Example: payments." unset:"all" placeholder:"NAME"`
}

// Run prints a line for each dead letter, whose first column is its name.
func (l DeadList) Run(ctx context.Context, o Office, out io.Writer) error {
	return o.dead(ctx, l.Storage, func(d *bus.DeadLetters) error {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		n := 0
		for after := (bus.DeadRef{}); ; {
			list, err := d.List(ctx, bus.Filter{Consumer: l.Consumer, Topic: l.Topic}, after, 500)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			for i := range list {
				m := &list[i]
				after = bus.DeadRef{Consumer: m.Consumer, Ref: m.Message.Ref()}
				state := ""
				if m.Replay {
					state = "to be replayed: "
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s%.200s\n", deadName(after), m.Message.Type,
					settings.Counted(m.Tries, "try", "tries"), m.At.UTC().Format(time.RFC3339), state, onOneLine(m.Failure))
			}
			n += len(list)
		}
		if n == 0 {
			fmt.Fprintln(out, "no dead letters")
		}
		return table.Flush()
	})
}

// DeadShow shows one dead letter.
type DeadShow struct {
	settings.Storage
	Name string `arg:"" help:"The dead letter, by the first column of boxoffice bus dead list." placeholder:"NAME"`
}

// Run prints the dead letter as JSON.
func (s DeadShow) Run(ctx context.Context, o Office, out io.Writer) error {
	f, err := parseDeadName(s.Name)
	if err != nil {
		return err
	}
	return o.dead(ctx, s.Storage, func(d *bus.DeadLetters) error {
		list, err := d.List(ctx, f, bus.DeadRef{}, 1)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return noDead(s.Name)
		}
		l := &list[0]
		message, err := l.Message.Encode()
		if err != nil {
			return err
		}
		tree, err := codec.ReadTree(message)
		if err != nil {
			return err
		}
		raw, err := codec.Indent(map[string]any{
			"consumer": l.Consumer, "failure": l.Failure, "tries": l.Tries, "last_try": l.At.UTC().Format(time.RFC3339Nano), "replay": l.Replay, "message": tree,
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", raw)
		return err
	})
}

// DeadChoice is which dead letters a command is about.
type DeadChoice struct {
	settings.Storage
	All   bool     `help:"All dead letters."`
	Names []string `arg:"" name:"name" optional:"" help:"Dead letters, by the first column of boxoffice bus dead list."`
}

// filters are the dead letters that were chosen.
func (c *DeadChoice) filters() ([]bus.Filter, error) {
	if c.All == (len(c.Names) > 0) {
		return nil, settings.Usage("give the names of dead letters, or --all")
	}
	if c.All {
		return []bus.Filter{{}}, nil
	}
	var list []bus.Filter
	for _, name := range c.Names {
		f, err := parseDeadName(name)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// DeadReplay has dead letters consumed again.
type DeadReplay struct{ DeadChoice }

// Run says how many.
func (r DeadReplay) Run(ctx context.Context, o Office, out io.Writer) error {
	return o.changeDead(ctx, &r.DeadChoice, "bus dead replay", func(list []bus.Filter) deadCommand { return &replayingDead{list} }, out)
}

// DeadDrop deletes dead letters.
type DeadDrop struct{ DeadChoice }

// Run says how many.
func (d DeadDrop) Run(ctx context.Context, o Office, out io.Writer) error {
	return o.changeDead(ctx, &d.DeadChoice, "bus dead drop", func(list []bus.Filter) deadCommand { return &droppingDead{list} }, out)
}

type deadCommand interface {
	Do(ctx context.Context, s *Services, out io.Writer) error
}

func (o Office) changeDead(ctx context.Context, c *DeadChoice, name string, command func([]bus.Filter) deadCommand, out io.Writer) error {
	list, err := c.filters()
	if err != nil {
		return err
	}
	if err := o.used(ctx, c.Storage); err != nil {
		return err
	}
	return o.perform(ctx, c.Storage, name, command(list), out, slog.Default())
}

// replayingDead has dead letters consumed again.
type replayingDead struct{ Letters []bus.Filter }

func (r *replayingDead) Do(ctx context.Context, s *Services, out io.Writer) error {
	n, err := changed(ctx, r.Letters, s.Dead.Replay)
	if err == nil {
		fmt.Fprintf(out, "%s consumed again: the server begins within seconds. boxoffice bus dead list shows what fails once more.\n", settings.Counted(n, "dead letter is", "dead letters are"))
	}
	return err
}

// droppingDead deletes dead letters.
type droppingDead struct{ Letters []bus.Filter }

func (d *droppingDead) Do(ctx context.Context, s *Services, out io.Writer) error {
	n, err := changed(ctx, d.Letters, s.Dead.Drop)
	if err == nil {
		fmt.Fprintf(out, "%s dropped\n", settings.Counted(n, "dead letter was", "dead letters were"))
	}
	return err
}

// changed changes some dead letters and counts them. A name without a dead letter is an
// error; what comes before it is done.
func changed(ctx context.Context, list []bus.Filter, change func(context.Context, bus.Filter) (int64, error)) (all int64, err error) {
	for _, f := range list {
		n, err := change(ctx, f)
		if err != nil {
			return all, err
		}
		if n == 0 && f != (bus.Filter{}) {
			return all, noDead(deadName(bus.DeadRef{Consumer: f.Consumer, Ref: bus.Ref{Topic: f.Topic, Key: f.Key, ID: f.ID}}))
		}
		all += n
	}
	return all, nil
}

// dead runs fn on the dead letters, beside the processes that use the database.
func (o Office) dead(ctx context.Context, s settings.Storage, fn func(*bus.DeadLetters) error) (err error) {
	db, err := o.OpenToRead(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	d, err := bus.OpenDead(ctx, db)
	if err != nil {
		return err
	}
	return fn(d)
}

// deadName is the name of a dead letter on the command line.
func deadName(r bus.DeadRef) string { return r.Consumer + "/" + r.Ref.String() }

// parseDeadName reads the name of a dead letter. A message's key may be empty.
func parseDeadName(name string) (bus.Filter, error) {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) != 4 || parts[0] == "" || parts[1] == "" || parts[3] == "" {
		return bus.Filter{}, settings.Usage("%q is not the name of a dead letter: see the first column of boxoffice bus dead list", name)
	}
	return bus.Filter{Consumer: parts[0], Topic: parts[1], Key: parts[2], ID: parts[3]}, nil
}

func noDead(name string) error { return fmt.Errorf("there is no dead letter %q", name) }

// onOneLine is a text without line breaks.
func onOneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
