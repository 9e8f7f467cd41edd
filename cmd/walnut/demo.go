package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/models"
	"github.com/walnut-ai/walnut/tensor"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run the models inside the binary on real data",
		Long: `Runs two small models that are part of the binary on samples that they have
not been trained on: a classifier of handwritten digits, drawn in the terminal,
and one that tells what a person with a motion sensor is doing. Prints what
they answer, the truth, the time and the memory. Needs no files and no network.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), c.OutOrStdout()) },
	}
}

func demo(ctx context.Context, w io.Writer) error {
	for _, d := range []struct {
		name string
		draw func(io.Writer, []float32, []int)
	}{{"digits", drawDigit}, {"motion", drawMotion}} {
		if err := demoModel(ctx, w, d.name, d.draw); err != nil {
			return err
		}
	}
	fmt.Fprint(w, `What next:
  walnut inspect MODEL.onnx              what a model is and what it needs
  walnut run MODEL.onnx --random 1       run any ONNX model on random inputs
  walnut bench MODEL.onnx                how fast it is here
  walnut help                            everything else
`)
	return nil
}

func demoModel(ctx context.Context, w io.Writer, name string, draw func(io.Writer, []float32, []int)) error {
	d, ok := models.Lookup(name)
	if !ok {
		return fmt.Errorf("no embedded model %q", name)
	}
	samples, err := tensor.ParseNPY(d.Samples)
	if err != nil {
		return err
	}
	labels, err := tensor.ParseNPY(d.SampleLabels)
	if err != nil {
		return err
	}
	start := time.Now()
	m, err := walnut.OpenBytes(name, d.Data)
	if err != nil {
		return err
	}
	defer m.Close()
	load := time.Since(start)
	fmt.Fprintf(w, "== %s: %s\n", d.Name, d.Description)
	n := samples.Shape()[0]
	dims := append([]int{1}, samples.Shape()[1:]...)
	all := tensor.Of[float32](samples)
	size := len(all) / n
	in, err := tensor.New(tensor.Float32, dims...)
	if err != nil {
		return err
	}
	out, err := tensor.New(tensor.Float32, 1, len(d.Labels))
	if err != nil {
		return err
	}
	right := 0
	for i := range n {
		x := all[i*size : (i+1)*size]
		copy(tensor.Of[float32](in), x)
		if err := m.RunInto(ctx, []*tensor.Tensor{in}, []*tensor.Tensor{out}); err != nil {
			return err
		}
		p := tensor.Of[float32](out)
		best := argmax(p)
		truth := int(labels.IntAt(i))
		mark := "wrong"
		if best == truth {
			right++
			mark = "right"
		}
		draw(w, x, samples.Shape()[1:])
		fmt.Fprintf(w, "  says %s (%.1f %%), is %s: %s\n\n", d.Labels[best], 100*p[best], d.Labels[truth], mark)
	}
	med, per, err := demoTime(ctx, m, in, out)
	if err != nil {
		return err
	}
	mem := m.Memory()
	fmt.Fprintf(w, "%d of %d right. Loaded in %v; one inference takes %v (median), %.0f a second on one core.\n", right, n, load.Round(time.Microsecond), med, per)
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Fprintf(w, "Memory: weights %s, packed %s, arena %s; the whole process %s.\n\n", bytesText(mem.Weights), bytesText(mem.Packed), bytesText(mem.Arena), bytesText(int64(ms.Sys)))
	return nil
}

// demoTime measures runs for a fifth of a second.
func demoTime(ctx context.Context, m *walnut.Model, in, out *tensor.Tensor) (time.Duration, float64, error) {
	var times []time.Duration
	start := time.Now()
	for time.Since(start) < 200*time.Millisecond {
		t := time.Now()
		if err := m.RunInto(ctx, []*tensor.Tensor{in}, []*tensor.Tensor{out}); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(t))
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	return times[len(times)/2], float64(len(times)) / time.Since(start).Seconds(), nil
}

func argmax(p []float32) int {
	best := 0
	for i, x := range p {
		if x > p[best] {
			best = i
		}
	}
	return best
}

// drawDigit draws an 8x8 image with values from 0 to 16, two rows a line.
func drawDigit(w io.Writer, x []float32, dims []int) {
	shades := []rune(" ░▒▓█")
	width := dims[len(dims)-1]
	for y := 0; y*width < len(x); y++ {
		fmt.Fprint(w, "  ")
		for i := range width {
			k := int(x[y*width+i]) * len(shades) / 17
			fmt.Fprint(w, strings.Repeat(string(shades[max(0, min(k, len(shades)-1))]), 2))
		}
		fmt.Fprintln(w)
	}
}

// drawMotion draws the first three channels (acceleration) as lines of bars.
func drawMotion(w io.Writer, x []float32, dims []int) {
	bars := []rune("▁▂▃▄▅▆▇█")
	n := dims[len(dims)-1]
	for c := range min(3, dims[0]) {
		ch := x[c*n : (c+1)*n]
		lo, hi := ch[0], ch[0]
		for _, v := range ch {
			lo, hi = min(lo, v), max(hi, v)
		}
		fmt.Fprintf(w, "  acc %c ", 'x'+rune(c))
		for i := 0; i < n; i += (n + 59) / 60 {
			k := 0
			if hi > lo {
				k = int((ch[i] - lo) / (hi - lo) * float32(len(bars)-1))
			}
			fmt.Fprint(w, string(bars[k]))
		}
		fmt.Fprintf(w, " %+.1f..%+.1f\n", lo, hi)
	}
}

// bytesText formats a size.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
