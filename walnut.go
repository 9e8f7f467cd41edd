package walnut

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"
	"sync"

	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/exec"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/tensor"
)

// Values holds values by input or output name.
type Values map[string]tensor.Value

// Model is an opened model, safe for concurrent use.
type Model struct {
	m       *engine.Model
	fed     []int // graph inputs without an initializer, in order
	profile *exec.Profile
	pool    sync.Pool // *[]tensor.Value pairs for RunInto
}

// Open opens the model in a file. The file is mapped and must not change
// until Close.
func Open(path string, opts ...Option) (*Model, error) {
	g, src, err := load.File(path)
	if err != nil {
		return nil, err
	}
	return open(g, src, opts)
}

// OpenBytes opens a model in memory, which must not change until Close. The
// name is used in messages.
func OpenBytes(name string, data []byte, opts ...Option) (*Model, error) {
	g, src, err := load.Bytes(name, data)
	if err != nil {
		return nil, err
	}
	return open(g, src, opts)
}

// OpenFS opens the model in a file of fsys; external data is read from there too.
func OpenFS(fsys fs.FS, path string, opts ...Option) (*Model, error) {
	g, src, err := load.FS(fsys, path)
	if err != nil {
		return nil, err
	}
	return open(g, src, opts)
}

func open(g *graph.Model, src io.Closer, opts []Option) (*Model, error) {
	var o options
	for _, f := range opts {
		f(&o)
	}
	e, err := engine.New(context.Background(), g, src, o.engine)
	if err != nil {
		return nil, err
	}
	m := &Model{m: e}
	if o.profile {
		m.profile = new(exec.Profile)
	}
	for i, v := range g.Graph.Inputs {
		if !v.Default {
			m.fed = append(m.fed, i)
		}
	}
	nin, nout := len(g.Graph.Inputs), len(g.Graph.Outputs)
	m.pool.New = func() any { return &call{make([]tensor.Value, nin), make([]tensor.Value, nout)} }
	return m, nil
}

// call holds the arguments of one run.
type call struct{ in, out []tensor.Value }

func (c *call) clear() {
	clear(c.in)
	clear(c.out)
}

// Info describes an input or output.
type Info struct {
	Name  string
	Type  string       // "float[batch,3,224,224]", "seq(int64[...])"
	DType tensor.DType // tensors; Invalid otherwise
	// Shape holds the dimensions of a tensor: numbers, or names of dimensions
	// that the caller chooses. Nil where the rank is not known.
	Shape []Dim
	// Optional marks an input that has a default in the model.
	Optional bool
}

// Dim is a dimension: Size, or a symbol if Name is set.
type Dim struct {
	Size int
	Name string
}

// String returns the number or the name.
func (d Dim) String() string { return graph.Dim{N: d.Size, Sym: d.Name}.String() }

func info(v *graph.Value) Info {
	x := Info{Name: v.Name, Type: v.Type.String(), Optional: v.Default}
	if v.Type.Kind == graph.KindTensor {
		x.DType = v.Type.Elem
		if v.Type.Shape != nil {
			x.Shape = make([]Dim, len(v.Type.Shape))
			for i, d := range v.Type.Shape {
				x.Shape[i] = Dim{d.N, d.Sym}
			}
		}
	}
	return x
}

// Inputs returns the model's inputs: first those that must be fed, in the
// order of the model, then those with a default.
func (m *Model) Inputs() []Info {
	var l, opt []Info
	for _, v := range m.m.Graph.Graph.Inputs {
		if v.Default {
			opt = append(opt, info(v))
		} else {
			l = append(l, info(v))
		}
	}
	return append(l, opt...)
}

// Outputs returns the model's outputs in order.
func (m *Model) Outputs() []Info {
	var l []Info
	for _, v := range m.m.Graph.Graph.Outputs {
		l = append(l, info(v))
	}
	return l
}

// Metadata is what a model file says about itself.
type Metadata struct {
	Name      string // of the graph
	Producer  string
	Version   string
	Domain    string
	Doc       string
	IR        int
	Opsets    map[string]int    // domain ("ai.onnx" for the default one) -> version
	Values    map[string]string // metadata_props
	Functions []string          // model-local functions
}

// Metadata returns what the file says about the model.
func (m *Model) Metadata() Metadata {
	g := m.m.Graph
	md := Metadata{Name: g.Graph.Name, Producer: g.Producer, Version: g.Version, Domain: g.Domain, Doc: g.Doc,
		IR: g.IR, Opsets: map[string]int{}, Values: map[string]string{}, Functions: append([]string{}, g.Functions...)}
	for d, v := range g.Opsets {
		if d == "" {
			d = "ai.onnx"
		}
		md.Opsets[d] = v
	}
	for k, v := range g.Metadata {
		md.Values[k] = v
	}
	return md
}

// Run runs the model on inputs by name and returns its outputs, which own
// their memory. Inputs are not changed, and may be used by several runs at once.
func (m *Model) Run(ctx context.Context, in Values) (Values, error) {
	c := m.pool.Get().(*call)
	defer func() { c.clear(); m.pool.Put(c) }()
	used := 0
	for i, v := range m.m.Graph.Graph.Inputs {
		if x, ok := in[v.Name]; ok {
			c.in[i] = x
			used++
		}
	}
	if used < len(in) {
		return nil, m.unknownInputs(in)
	}
	if err := m.m.Run(ctx, c.in, c.out, m.profile); err != nil {
		return nil, err
	}
	out := make(Values, len(c.out))
	for i, v := range m.m.Graph.Graph.Outputs {
		out[v.Name] = c.out[i]
	}
	return out, nil
}

func (m *Model) unknownInputs(in Values) error {
	known := map[string]bool{}
	var names, bad []string
	for _, v := range m.m.Graph.Graph.Inputs {
		known[v.Name] = true
		names = append(names, fmt.Sprintf("%q", v.Name))
	}
	for k := range in {
		if !known[k] {
			bad = append(bad, fmt.Sprintf("%q", k))
		}
	}
	sort.Strings(bad)
	return fmt.Errorf("%s: %w: no input %s, the model has %s", m.m.Graph.Name, ErrInput, strings.Join(bad, ", "), strings.Join(names, ", "))
}

// RunValues runs the model on inputs by position, in the order of Inputs;
// values for inputs with a default may be left out. It returns fresh outputs in
// the order of Outputs.
func (m *Model) RunValues(ctx context.Context, in []tensor.Value) ([]tensor.Value, error) {
	c := m.pool.Get().(*call)
	defer func() { c.clear(); m.pool.Put(c) }()
	if err := m.feed(c, len(in), func(i int) tensor.Value { return in[i] }); err != nil {
		return nil, err
	}
	if err := m.m.Run(ctx, c.in, c.out, m.profile); err != nil {
		return nil, err
	}
	return append([]tensor.Value{}, c.out...), nil
}

// RunInto runs the model on tensors by position, in the order of Inputs, and
// writes the outputs into the tensors of out, whose types and shapes must be
// right. Once a combination of input shapes has been seen it allocates
// nothing, as long as all shapes inside the model follow from those of its inputs.
// A nil entry of out is an output that is not wanted.
func (m *Model) RunInto(ctx context.Context, in, out []*tensor.Tensor) error {
	c := m.pool.Get().(*call)
	err := m.runInto(ctx, c, in, out)
	c.clear()
	m.pool.Put(c)
	return err
}

func (m *Model) runInto(ctx context.Context, c *call, in, out []*tensor.Tensor) error {
	if len(out) != len(c.out) {
		return fmt.Errorf("%s: %w: %d tensors for %d outputs", m.m.Graph.Name, ErrInput, len(out), len(c.out))
	}
	if len(in) < len(m.fed) || len(in) > len(c.in) {
		return fmt.Errorf("%s: %w: %d tensors for %d inputs", m.m.Graph.Name, ErrInput, len(in), len(m.fed))
	}
	for i, t := range in {
		if t != nil {
			c.in[m.position(i)] = t
		}
	}
	for i, t := range out {
		if t != nil {
			c.out[i] = t
		}
	}
	return m.m.Run(ctx, c.in, c.out, m.profile)
}

// position returns the graph input of the i-th of Inputs.
func (m *Model) position(i int) int {
	if i < len(m.fed) {
		return m.fed[i]
	}
	i -= len(m.fed)
	for k, v := range m.m.Graph.Graph.Inputs {
		if v.Default {
			if i == 0 {
				return k
			}
			i--
		}
	}
	return -1
}

func (m *Model) feed(c *call, n int, at func(int) tensor.Value) error {
	if n < len(m.fed) || n > len(c.in) {
		return fmt.Errorf("%s: %w: %d values for %d inputs", m.m.Graph.Name, ErrInput, n, len(m.fed))
	}
	for i := range n {
		c.in[m.position(i)] = at(i)
	}
	return nil
}

// NodeTime is the time that one node took over all runs since Open.
type NodeTime = exec.Entry

// Profile returns the times of the nodes, slowest first; nil without WithProfile.
func (m *Model) Profile() []NodeTime {
	if m.profile == nil {
		return nil
	}
	return m.profile.Entries()
}

// Close waits for runs under way, then releases the model. Runs that begin
// later fail with ErrClosed.
func (m *Model) Close() error { return m.m.Close() }
