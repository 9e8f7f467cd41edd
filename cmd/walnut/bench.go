package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

func newBench() *cobra.Command {
	var f runFlags
	var seconds float64
	var asJSON, profile, lines bool
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Measure how long a run takes",
		Long: `Measures runs on inputs from --inputs or --input; inputs that are not given are
made up, with dimensions of 1 where --shape says nothing.

With --line-protocol it prints "ready" and then answers lines of standard
input: "run K" runs K times and prints {"ns":[...]}, the time of every run in
nanoseconds; "quit" ends it. Programs that compare engines use it.`,
		Example: `  walnut bench model.onnx --threads 2 --seconds 3
  walnut bench model.onnx --inputs data_0 --profile
  echo "run 5" | walnut bench model.onnx --line-protocol`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.useRandom = true; !c.Flags().Changed("random") {
				f.random = 1
			}
			b, err := newBencher(c.Context(), &f, args[0], profile)
			if err != nil {
				return err
			}
			defer b.m.Close()
			if lines {
				return b.lines(c.Context(), c.InOrStdin(), c.OutOrStdout())
			}
			return b.measure(c.Context(), c.OutOrStdout(), seconds, asJSON, profile)
		},
	}
	f.add(c)
	c.Flags().Float64Var(&seconds, "seconds", 2, "how long to measure")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&profile, "profile", false, "print the time of every node")
	c.Flags().BoolVar(&lines, "line-protocol", false, "answer \"run K\" lines")
	return c
}

// bencher runs one model on fixed inputs.
type bencher struct {
	m    *walnut.Model
	load time.Duration
	once time.Duration // the first run
	vals []tensor.Value
	in   []*tensor.Tensor
	out  []*tensor.Tensor // nil: the outputs are no tensors of fixed shape
}

func newBencher(ctx context.Context, f *runFlags, path string, profile bool) (*bencher, error) {
	start := time.Now()
	m, err := f.open(path, profile)
	if err != nil {
		return nil, err
	}
	b := &bencher{m: m, load: time.Since(start)}
	vals, err := f.values(m)
	if err != nil {
		m.Close()
		return nil, err
	}
	into := true
	for _, x := range m.Inputs() {
		v, ok := vals[x.Name]
		if !ok {
			break
		}
		b.vals = append(b.vals, v)
		t, ok := v.(*tensor.Tensor)
		into = into && ok
		b.in = append(b.in, t)
	}
	start = time.Now()
	out, err := m.RunValues(ctx, b.vals)
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("%w\n%s\ngive --shape NAME=D,D,... for dimensions with names", err, wants(m.Inputs()))
	}
	b.once = time.Since(start)
	for _, v := range out {
		t, ok := v.(*tensor.Tensor)
		into = into && ok && t.DType() != tensor.String
		b.out = append(b.out, t)
	}
	if !into {
		b.out = nil
	}
	return b, nil
}

// run is one iteration: inputs in memory, outputs produced.
func (b *bencher) run(ctx context.Context) error {
	if b.out != nil {
		return b.m.RunInto(ctx, b.in, b.out)
	}
	_, err := b.m.RunValues(ctx, b.vals)
	return err
}

func (b *bencher) lines(ctx context.Context, r io.Reader, w io.Writer) error {
	for range 3 {
		if err := b.run(context.Background()); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(w)
	say := func(format string, a ...any) error {
		fmt.Fprintf(out, format+"\n", a...)
		return out.Flush()
	}
	if err := say("ready"); err != nil {
		return err
	}
	in := bufio.NewScanner(r)
	for in.Scan() {
		cmd := strings.Fields(in.Text())
		switch {
		case len(cmd) == 1 && cmd[0] == "quit":
			return nil
		case len(cmd) == 2 && cmd[0] == "run":
			k, err := strconv.Atoi(cmd[1])
			if err != nil || k < 1 || k > 1<<20 {
				err = say(`{"error":"run K: K must be from 1 to 1048576"}`)
				if err != nil {
					return err
				}
				continue
			}
			ns := make([]int64, k)
			for i := range ns {
				start := time.Now()
				if err := b.run(context.Background()); err != nil {
					return err
				}
				ns[i] = time.Since(start).Nanoseconds()
			}
			j, err := json.Marshal(ns)
			if err != nil {
				return err
			}
			if err := say(`{"ns":%s}`, j); err != nil {
				return err
			}
		default:
			if err := say(`{"error":"unknown command, use run K or quit"}`); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return in.Err()
}

// result is what `walnut bench --json` prints; times in nanoseconds.
type result struct {
	LoadNS    int64   `json:"load_ns"`
	FirstNS   int64   `json:"first_run_ns"`
	Runs      int     `json:"runs"`
	MinNS     int64   `json:"min_ns"`
	MedianNS  int64   `json:"median_ns"`
	P90NS     int64   `json:"p90_ns"`
	PerSecond float64 `json:"per_second"`
	Allocs    float64 `json:"allocs_per_run"`
}

func (b *bencher) measure(ctx context.Context, w io.Writer, seconds float64, asJSON, profile bool) error {
	var times []int64
	var before, after runtime.MemStats
	for range 3 {
		if err := b.run(ctx); err != nil {
			return err
		}
	}
	runtime.ReadMemStats(&before)
	allocs := 0
	for start := time.Now(); time.Since(start).Seconds() < seconds || len(times) < 3; {
		t := time.Now()
		if err := b.run(ctx); err != nil {
			return err
		}
		if len(times) == cap(times) {
			allocs++ // the list of times grows
		}
		times = append(times, time.Since(t).Nanoseconds())
	}
	runtime.ReadMemStats(&after)
	n := len(times)
	sum := int64(0)
	for _, t := range times {
		sum += t
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	r := result{b.load.Nanoseconds(), b.once.Nanoseconds(), n, times[0], times[n/2], times[n*9/10], float64(n) / (float64(sum) / 1e9),
		math.Max(0, float64(after.Mallocs-before.Mallocs)-float64(allocs)) / float64(n)}
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	d := func(ns int64) time.Duration { return time.Duration(ns).Round(10 * time.Nanosecond) }
	fmt.Fprintf(w, "load %v, first run %v\n", d(r.LoadNS), d(r.FirstNS))
	fmt.Fprintf(w, "%d runs: min %v, median %v, p90 %v, %.1f a second, %.1f allocations a run\n", n, d(r.MinNS), d(r.MedianNS), d(r.P90NS), r.PerSecond, r.Allocs)
	if profile {
		return printProfile(w, b.m)
	}
	return nil
}
