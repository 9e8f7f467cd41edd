package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut/internal/conformance"
	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/tensor"
)

type conformanceFlags struct {
	filter    string
	json      bool
	outDir    string
	timeout   time.Duration
	reference bool
	failures  bool
}

func newConformance() *cobra.Command {
	var f conformanceFlags
	c := &cobra.Command{
		Use:   "conformance ARCHIVE|DIR...",
		Short: "Run ONNX backend test cases",
		Long: `Runs ONNX's backend test cases from .tar.gz archives or folders: every folder
with a model.onnx and test_data_set_K/{input,output}_N.pb is a case.

With --json it prints one line a case:
  {"case":"node/test_abs","status":"pass","detail":"","max_abs":0,"max_rel":0}
Status is pass, fail (a wrong output), unsupported (an operator that Walnut
lacks) or error (it could not be loaded or run). The exit status is 1 unless
all cases pass.`,
		Example: `  walnut conformance node.tar.gz simple.tar.gz
  walnut conformance cases/ --filter 'softmax' --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), args, c.OutOrStdout())
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.filter, "filter", "", "regular expression on case names")
	fl.BoolVar(&f.json, "json", false, "print a JSON line a case")
	fl.StringVar(&f.outDir, "output-dir", "", "write what was computed as CASE/output_K.pb")
	fl.DurationVar(&f.timeout, "timeout", 2*time.Minute, "time limit of a case")
	fl.BoolVar(&f.reference, "reference", false, "run the operators' plain definitions, without plans and kernels")
	fl.BoolVar(&f.failures, "failures", false, "print the detail of every case that does not pass")
	return c
}

func (f *conformanceFlags) run(ctx context.Context, paths []string, w io.Writer) error {
	re, err := regexp.Compile(f.filter)
	if err != nil {
		return usageError{fmt.Errorf("--filter: %w", err)}
	}
	out := bufio.NewWriter(w)
	defer out.Flush()
	open := conformance.Engine(engine.Options{Reference: f.reference})
	tab := newTally()
	for _, p := range paths {
		err := conformance.Read(p, func(c *conformance.Case) error {
			if !re.MatchString(c.ID) {
				return ctx.Err()
			}
			cctx, cancel := context.WithTimeout(ctx, f.timeout)
			r := conformance.Run(cctx, c, open)
			cancel()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			tab.add(r)
			return f.report(out, r)
		})
		if err != nil {
			return err
		}
	}
	if !f.json {
		tab.print(out)
	}
	if tab.passed < tab.total {
		return statusError(1)
	}
	return nil
}

// report prints and writes one result.
func (f *conformanceFlags) report(w io.Writer, r conformance.Result) error {
	switch {
	case f.json:
		b, err := json.Marshal(struct {
			Case   string             `json:"case"`
			Status conformance.Status `json:"status"`
			Detail string             `json:"detail"`
			MaxAbs jsonFloat          `json:"max_abs"`
			MaxRel jsonFloat          `json:"max_rel"`
		}{r.ID, r.Status, r.Detail, jsonFloat(r.MaxAbs), jsonFloat(r.MaxRel)})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", b)
	case f.failures && r.Status != conformance.Pass:
		fmt.Fprintf(w, "%-11s %s: %s\n", r.Status, r.ID, r.Detail)
	}
	if f.outDir == "" {
		return nil
	}
	dir := filepath.Join(f.outDir, filepath.FromSlash(r.ID))
	if rel, err := filepath.Rel(f.outDir, dir); err != nil || strings.HasPrefix(rel, "..") {
		return fmt.Errorf("case %q lies outside of --output-dir", r.ID)
	}
	for i, v := range r.Outputs {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		b, err := tensor.AppendValueProto(nil, fmt.Sprintf("output_%d", i), v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("output_%d.pb", i)), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// jsonFloat writes numbers that JSON lacks as strings.
type jsonFloat float64

// MarshalJSON implements json.Marshaler.
func (x jsonFloat) MarshalJSON() ([]byte, error) {
	f := float64(x)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(fmt.Sprint(f))
	}
	return json.Marshal(f)
}

// tally counts results by category and by operator.
type tally struct {
	total, passed int
	category, op  map[string]*[4]int // pass, fail, unsupported, error
}

func newTally() *tally { return &tally{category: map[string]*[4]int{}, op: map[string]*[4]int{}} }

func (t *tally) add(r conformance.Result) {
	t.total++
	k := map[conformance.Status]int{conformance.Pass: 0, conformance.Fail: 1, conformance.Unsupported: 2, conformance.Error: 3}[r.Status]
	if k == 0 {
		t.passed++
	}
	cat, _, ok := strings.Cut(r.ID, "/")
	if !ok {
		cat = "."
	}
	for m, key := range map[*map[string]*[4]int]string{&t.category: cat, &t.op: r.Subject} {
		if (*m)[key] == nil {
			(*m)[key] = new([4]int)
		}
		(*m)[key][k]++
	}
}

func (t *tally) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, part := range []struct {
		title string
		m     map[string]*[4]int
	}{{"operator", t.op}, {"category", t.category}} {
		fmt.Fprintf(tw, "%s\tpass\tfail\tunsupported\terror\t\n", part.title)
		var keys []string
		for k := range part.m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			n := part.m[k]
			if k == "" {
				k = "(not loaded)"
			}
			fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t\n", k, n[0], n[1], n[2], n[3])
		}
		fmt.Fprintln(tw, "\t\t\t\t\t")
	}
	tw.Flush()
	pct := 0.0
	if t.total > 0 {
		pct = 100 * float64(t.passed) / float64(t.total)
	}
	fmt.Fprintf(w, "%d of %d cases pass (%.2f %%)\n", t.passed, t.total, pct)
}

// jsonFloat32 is jsonFloat with the digits of a float32.
type jsonFloat32 float32

// MarshalJSON implements json.Marshaler.
func (x jsonFloat32) MarshalJSON() ([]byte, error) {
	f := float64(x)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(fmt.Sprint(f))
	}
	return json.Marshal(float32(x))
}
