package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops"
)

// inspection is what `walnut inspect --json` prints.
type inspection struct {
	File        string             `json:"file"`
	Producer    string             `json:"producer,omitempty"`
	IR          int                `json:"ir_version"`
	Opsets      map[string]int     `json:"opsets"`
	Metadata    map[string]string  `json:"metadata,omitempty"`
	Functions   []string           `json:"functions,omitempty"`
	Inputs      []ioJSON           `json:"inputs"`
	Outputs     []ioJSON           `json:"outputs"`
	Nodes       int                `json:"nodes"`
	Parameters  int64              `json:"parameters"`
	WeightBytes int64              `json:"weight_bytes"`
	Operators   []opCount          `json:"operators"`
	Unsupported []op.UnsupportedOp `json:"unsupported,omitempty"`
	NodeList    []nodeJSON         `json:"node_list,omitempty"`
	Memory      *walnut.Memory     `json:"memory,omitempty"`
}

type ioJSON struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
}

type opCount struct {
	Operator string `json:"operator"`
	Count    int    `json:"count"`
}

type nodeJSON struct {
	Path    string   `json:"path"`
	Op      string   `json:"op"`
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
}

func newInspect() *cobra.Command {
	var asJSON, nodes, memory bool
	var rf runFlags
	c := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show what a model is: inputs, outputs, operators, memory",
		Long: `Shows a model's inputs, outputs, opsets, producer, parameters and operators with
their counts, and the operators that Walnut lacks. With --memory the model is
run once on random inputs (see run --shape for named dimensions) and the bytes
of weights, packed copies, arena and folded values are shown as the engine
counts them.`,
		Example: `  walnut inspect model.onnx
  walnut inspect model.onnx --nodes
  walnut inspect model.onnx --memory --shape x=1,3,224,224`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := inspect(args[0], nodes)
			if err != nil {
				return err
			}
			if memory {
				if x.Memory, err = rf.measureMemory(c.Context(), args[0]); err != nil {
					return err
				}
			}
			w := c.OutOrStdout()
			if asJSON {
				e := json.NewEncoder(w)
				e.SetIndent("", "  ")
				return e.Encode(x)
			}
			return x.print(w)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&nodes, "nodes", false, "list the nodes")
	c.Flags().BoolVar(&memory, "memory", false, "run once and show where the bytes are")
	c.Flags().StringArrayVar(&rf.shapes, "shape", nil, "NAME=D,D,... shape of an input with named dimensions")
	return c
}

// inspect reads a model without running it.
func inspect(path string, nodes bool) (*inspection, error) {
	m, src, err := load.File(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	x := &inspection{File: path, IR: m.IR, Opsets: map[string]int{}, Metadata: m.Metadata, Functions: m.Functions}
	x.Producer = strings.TrimSpace(m.Producer)
	for d, v := range m.Opsets {
		if d == "" {
			d = "ai.onnx"
		}
		x.Opsets[d] = v
	}
	for _, v := range m.Graph.Inputs {
		x.Inputs = append(x.Inputs, ioJSON{v.Name, v.Type.String(), v.Default})
	}
	for _, v := range m.Graph.Outputs {
		x.Outputs = append(x.Outputs, ioJSON{v.Name, v.Type.String(), false})
	}
	x.count(m.Graph, nodes)
	var u *op.UnsupportedError
	if err := ops.Catalog().Resolve(m); errors.As(err, &u) {
		x.Unsupported = u.Ops
	} else if err != nil {
		return nil, err
	}
	return x, nil
}

func (x *inspection) count(g *graph.Graph, nodes bool) {
	counts := map[string]int{}
	seen := map[*graph.Value]bool{}
	constant := func(v *graph.Value) {
		if t := v.Tensor(); t != nil && !seen[v] {
			seen[v] = true
			x.Parameters += int64(t.Len())
			x.WeightBytes += int64(len(t.Bytes()))
		}
	}
	graph.Walk(g, func(n *graph.Node) {
		x.Nodes++
		counts[graph.OpName(n.Domain, n.Op)]++
		n.Uses(constant)
		if a := n.Attrs.Get("value"); n.Op == "Constant" && a != nil && a.T != nil {
			x.Parameters += int64(a.T.Len())
			x.WeightBytes += int64(len(a.T.Bytes()))
		}
		if nodes {
			x.NodeList = append(x.NodeList, nodeJSON{n.Path, graph.OpName(n.Domain, n.Op), valueNames(n.Inputs), valueNames(n.Outputs)})
		}
	})
	for k, c := range counts {
		x.Operators = append(x.Operators, opCount{k, c})
	}
	sort.Slice(x.Operators, func(i, j int) bool {
		a, b := x.Operators[i], x.Operators[j]
		return a.Count > b.Count || a.Count == b.Count && a.Operator < b.Operator
	})
}

func valueNames(l []*graph.Value) []string {
	s := make([]string, len(l))
	for i, v := range l {
		if v != nil {
			s[i] = v.Name
		}
	}
	return s
}

func (x *inspection) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "model\t%s\n", x.File)
	if x.Producer != "" {
		fmt.Fprintf(tw, "producer\t%s\n", x.Producer)
	}
	var sets []string
	for d, v := range x.Opsets {
		sets = append(sets, fmt.Sprintf("%s %d", d, v))
	}
	sort.Strings(sets)
	fmt.Fprintf(tw, "opsets\t%s (IR %d)\n", strings.Join(sets, ", "), x.IR)
	var keys []string
	for k := range x.Metadata {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Fprintf(tw, "metadata\t%s = %s\n", k, shorten(x.Metadata[k], 100))
	}
	for _, f := range x.Functions {
		fmt.Fprintf(tw, "function\t%s\n", f)
	}
	for _, v := range x.Inputs {
		note := ""
		if v.Optional {
			note = " (has a default)"
		}
		fmt.Fprintf(tw, "input\t%s: %s%s\n", v.Name, v.Type, note)
	}
	for _, v := range x.Outputs {
		fmt.Fprintf(tw, "output\t%s: %s\n", v.Name, v.Type)
	}
	fmt.Fprintf(tw, "parameters\t%d in %s\n", x.Parameters, bytesText(x.WeightBytes))
	var l []string
	for _, o := range x.Operators {
		l = append(l, fmt.Sprintf("%s %d", o.Operator, o.Count))
	}
	fmt.Fprintf(tw, "nodes\t%d: %s\n", x.Nodes, strings.Join(l, ", "))
	for _, u := range x.Unsupported {
		fmt.Fprintf(tw, "unsupported\t%s-%d, %d nodes, first %s: %s\n", graph.OpName(u.Domain, u.Name), u.Opset, u.Count, u.First, u.Why)
	}
	for _, n := range x.NodeList {
		fmt.Fprintf(tw, "node\t%s\t%s(%s) -> %s\n", n.Path, n.Op, strings.Join(n.Inputs, ", "), strings.Join(n.Outputs, ", "))
	}
	if x.Memory != nil {
		printMemory(tw, x.Memory)
	}
	return tw.Flush()
}

func printMemory(w io.Writer, m *walnut.Memory) {
	fmt.Fprintf(w, "memory\tweights %s (%d B): constants, where they lie in the file\n", bytesText(m.Weights), m.Weights)
	fmt.Fprintf(w, "\tpacked %s (%d B): copies of weights in the order or alignment that kernels read\n", bytesText(m.Packed), m.Packed)
	fmt.Fprintf(w, "\tfolded %s (%d B): values computed when shapes became known\n", bytesText(m.Folded), m.Folded)
	fmt.Fprintf(w, "\tarena %s (%d B): activations and scratch of all frames\n", bytesText(m.Arena), m.Arena)
	fmt.Fprintf(w, "\tstate %s (%d B): what sessions carry from run to run\n", bytesText(m.State), m.State)
	reuse := 0.0
	if m.Requests > 0 {
		reuse = 100 * float64(m.Reused) / float64(m.Requests)
	}
	fmt.Fprintf(w, "\tbuffers %d asked for by runs, %.1f %% served from memory that existed\n", m.Requests, reuse)
	for _, p := range m.Plans {
		name := "plan"
		if p.Graph != "" {
			name += " of " + p.Graph
		}
		saved := 0.0
		if p.Buffers > 0 {
			saved = 100 * (1 - float64(p.Arena)/float64(p.Buffers))
		}
		fmt.Fprintf(w, "\t%s for %s: arena %d B a frame x %d, most live %d B, sum of buffers %d B (reuse %.0f %%), %d steps, %d by their plain definition, %d values of dynamic shape\n",
			name, strings.Join(p.Inputs, " "), p.Arena, p.Frames, p.LiveMax, p.Buffers, saved, p.Steps, p.Reference, p.Dynamic)
	}
}

func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
