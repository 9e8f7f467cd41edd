package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

// runFlags are the flags that say how a model is opened and fed.
type runFlags struct {
	inputs     []string
	inputDir   string
	shapes     []string
	random     int64
	useRandom  bool
	threads    int
	preprocess []string
	reference  bool
}

func (f *runFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.inputs, "input", "i", nil, "NAME=FILE, or FILE for a model with one input; may be repeated")
	fl.StringVar(&f.inputDir, "inputs", "", "folder with input_K.npy/.pb by position, or NAME.npy, NAME.pb, ...")
	fl.StringArrayVar(&f.shapes, "shape", nil, "NAME=D,D,... shape for made-up inputs; may be repeated")
	fl.Int64Var(&f.random, "random", 0, "fill inputs that are not given with random values of this seed")
	fl.IntVar(&f.threads, "threads", 1, "threads of a run")
	fl.StringArrayVar(&f.preprocess, "preprocess", nil, "[NAME:]KEY=VALUE,... how images become tensors: size=WxH, layout=nchw|nhwc|chw|hwc, color=rgb|bgr|gray, scale=1/255, mean=..., std=..., dtype=...")
	fl.BoolVar(&f.reference, "reference", false, "run the operators' plain definitions, without plans and kernels")
}

func (f *runFlags) open(path string, profile bool) (*walnut.Model, error) {
	opts := []walnut.Option{walnut.WithThreads(f.threads)}
	if profile {
		opts = append(opts, walnut.WithProfile())
	}
	if f.reference {
		opts = append(opts, walnut.WithReference())
	}
	return walnut.Open(path, opts...)
}

func newRun() *cobra.Command {
	var f runFlags
	var outDir, format string
	var profile bool
	c := &cobra.Command{
		Use:   "run MODEL",
		Short: "Run a model once",
		Long: `Runs a model once and prints a summary of its outputs.

Inputs are read by the ending of the file: .npy, .npz (arrays by name), .pb
(TensorProto, SequenceProto, OptionalProto), .json (nested lists), .csv
(numbers), .txt (strings, one a line), .wav (samples from -1 to 1, mono), .png
and .jpg (see --preprocess). An input that is missing is an error, unless
--random fills it.

With --output-dir every output is written as NAME.npy, or as NAME.pb where npy
can't hold the value; characters of the name other than letters, digits, _ . -
become _.`,
		Example: `  walnut run model.onnx --random 1
  walnut run model.onnx --input x=x.npy --output-dir out
  walnut run classifier.onnx -i photo.jpg --preprocess size=224x224,mean=0.485:0.456:0.406,std=0.229:0.224:0.225`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f.useRandom = c.Flags().Changed("random")
			switch format {
			case "text", "json", "npy", "pb":
			default:
				return usageError{fmt.Errorf("--format %q, must be text, json, npy or pb", format)}
			}
			return f.run(c.Context(), args[0], outDir, format, profile, c.OutOrStdout())
		},
	}
	f.add(c)
	c.Flags().StringVar(&outDir, "output-dir", "", "write the outputs to this folder")
	c.Flags().StringVar(&format, "format", "text", "text: a summary; json: the values; npy, pb: files in --output-dir (default .) in this format")
	c.Flags().BoolVar(&profile, "profile", false, "print the time of every node")
	return c
}

func (f *runFlags) run(ctx context.Context, path, outDir, format string, profile bool, w io.Writer) error {
	m, err := f.open(path, profile)
	if err != nil {
		return err
	}
	defer m.Close()
	in, err := f.values(m)
	if err != nil {
		return err
	}
	start := time.Now()
	out, err := m.Run(ctx, in)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if (format == "npy" || format == "pb") && outDir == "" {
		outDir = "."
	}
	if outDir != "" {
		if err := writeOutputs(m, out, outDir, format); err != nil {
			return err
		}
	}
	if format == "json" {
		if err := printJSON(w, m, out); err != nil {
			return err
		}
	} else {
		if err := printSummary(w, m, out); err != nil {
			return err
		}
		fmt.Fprintf(w, "first run %v\n", took.Round(time.Microsecond))
	}
	if profile {
		return printProfile(w, m)
	}
	return nil
}

// fileName turns an output's name into the name of a file.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}, name)
}

// npyHolds reports whether every reader of npy knows the element type.
func npyHolds(dt tensor.DType) bool {
	switch dt {
	case tensor.Bool, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32,
		tensor.Uint64, tensor.Float16, tensor.Float32, tensor.Float64, tensor.Complex64, tensor.Complex128:
		return true
	}
	return false
}

func writeOutputs(m *walnut.Model, out walnut.Values, dir, format string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	used := map[string]string{}
	for _, o := range m.Outputs() {
		name := fileName(o.Name)
		if old, ok := used[name]; ok {
			return fmt.Errorf("outputs %q and %q would both be written to %s", old, o.Name, name)
		}
		used[name] = o.Name
		v := out[o.Name]
		t, isTensor := v.(*tensor.Tensor)
		if isTensor && format != "pb" && npyHolds(t.DType()) {
			var b bytes.Buffer
			if err := tensor.WriteNPY(&b, t); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, name+".npy"), b.Bytes(), 0o666); err != nil {
				return err
			}
			continue
		}
		b, err := tensor.AppendValueProto(nil, o.Name, v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pb"), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func printProfile(w io.Writer, m *walnut.Model) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	total := time.Duration(0)
	for _, e := range m.Profile() {
		total += e.Time
	}
	fmt.Fprintln(tw, "time/run\tshare\truns by\toperator\toutput\tnode")
	for _, e := range m.Profile() {
		how := "definition"
		if e.Kernel {
			how = "kernel"
		}
		fmt.Fprintf(tw, "%v\t%.1f %%\t%s\t%s\t%s\t%s\n", (e.Time / time.Duration(e.Calls)).Round(100*time.Nanosecond), 100*float64(e.Time)/float64(max(total, 1)), how, e.Op, e.Output, e.Path)
	}
	return tw.Flush()
}

func printJSON(w io.Writer, m *walnut.Model, out walnut.Values) error {
	type entry struct {
		Name  string `json:"name"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, o := range m.Outputs() {
		v := out[o.Name]
		if err := e.Encode(entry{o.Name, tensor.Describe(v), jsonValue(v)}); err != nil {
			return err
		}
	}
	return nil
}
