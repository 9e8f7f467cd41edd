package fuzz

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/walnut-ai/walnut/internal/conformance"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

const seedFile = "testdata/seeds.tar.gz"

// seedCases returns the cases of the archive.
var seedCases = sync.OnceValue(func() []*conformance.Case {
	var l []*conformance.Case
	err := conformance.Read(seedFile, func(c *conformance.Case) error {
		x := *c
		l = append(l, &x)
		return nil
	})
	if err != nil {
		panic(err)
	}
	return l
})

// templates returns calls of single operators that are known to work, by operator.
var templates = sync.OnceValue(func() map[string][]*opCase {
	m := map[string][]*opCase{}
	for _, c := range seedCases() {
		if x := asCall(c); x != nil {
			k := graph.OpName(x.domain, x.op)
			m[k] = append(m[k], x)
		}
	}
	return m
})

// asCall returns the one node of a case, nil if there are more.
func asCall(c *conformance.Case) *opCase {
	m, _, err := load.Bytes(c.ID, c.Model)
	if err != nil || len(m.Graph.Nodes) != 1 {
		return nil
	}
	n := m.Graph.Nodes[0]
	x := &opCase{domain: n.Domain, op: n.Op, attrs: n.Attrs.List(), bodies: n.Bodies}
	if s := schema.Lookup(n.Domain, n.Op, n.Opset); s != nil {
		x.opset = s.Since
	}
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			if v.Const == nil || v.Default {
				return nil
			}
		}
	}
	vals := map[*graph.Value]tensor.Value{}
	k := 0
	for _, v := range m.Graph.Inputs {
		if v.Default {
			continue
		}
		t, err := conformance.Parse(v.Type, c.Inputs[k])
		if err != nil {
			return nil
		}
		vals[v] = t
		k++
	}
	for _, v := range n.Inputs {
		switch {
		case v == nil:
			x.in = append(x.in, nil)
		case v.Const != nil:
			x.in = append(x.in, v.Const)
		case vals[v] != nil:
			x.in = append(x.in, vals[v])
		default:
			return nil
		}
	}
	for _, v := range n.Outputs {
		x.out = append(x.out, v != nil)
	}
	return x
}

// TestSeeds checks that every operator has a template or is known to lack one,
// and that all templates pass.
func TestSeeds(t *testing.T) {
	n := 0
	for _, l := range templates() {
		for _, c := range l {
			n++
			if bad := check(c); bad != "" {
				t.Errorf("%s\n%v", bad, c)
			}
		}
	}
	t.Logf("%d calls of %d operators in %d cases", n, len(templates()), len(seedCases()))
}

// TestMakeSeeds writes the archive of seeds anew from ONNX's cases and from
// the golden files of the families. WALNUT_FUZZ_SEEDS must be set.
func TestMakeSeeds(t *testing.T) {
	if os.Getenv("WALNUT_FUZZ_SEEDS") == "" {
		t.Skip("WALNUT_FUZZ_SEEDS is not set")
	}
	best := map[string][]*conformance.Case{}
	add := func(c *conformance.Case, keep int) {
		size := len(c.Model)
		for _, b := range c.Inputs {
			size += len(b)
		}
		if size > 3000 {
			return
		}
		key, sig := "", ""
		if x := asCall(c); x != nil {
			key = fmt.Sprint(graph.OpName(x.domain, x.op), "-", x.opset)
			sig = signature(x)
			for _, old := range best[key] {
				if y := asCall(old); signature(y) == sig {
					return
				}
			}
		} else if _, _, err := load.Bytes(c.ID, c.Model); err == nil && (strings.Contains(c.ID, "simple/") || strings.Contains(c.ID, "_expanded")) {
			key = "graphs"
			if strings.Contains(c.ID, "simple/") {
				key = "simple"
			}
		}
		if key == "" || len(best[key]) >= keep {
			return
		}
		x := *c
		best[key] = append(best[key], &x)
	}
	for _, a := range []string{"node", "node-legacy", "simple"} {
		err := conformance.Read(testutil.Shared(t, "onnx-conformance", a+".tar.gz"), func(c *conformance.Case) error {
			keep := 3
			if a == "node-legacy" {
				keep = 1
			}
			if a == "simple" {
				keep = 12
			}
			add(c, keep)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range goldenCases(t) {
		add(c, 3)
	}
	// Goldens of all families, for the operators that ONNX has no cases for.
	have := map[string]bool{}
	for k := range best {
		have[k] = true
	}
	err := conformance.Read("../goldens/testdata/ops.tar.gz", func(c *conformance.Case) error {
		if x := asCall(c); x != nil && !have[fmt.Sprint(graph.OpName(x.domain, x.op), "-", x.opset)] {
			add(c, 2)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for k := range best {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	w := tar.NewWriter(z)
	put := func(name string, b []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		w.Write(b)
	}
	for _, k := range keys {
		for i, c := range best[k] {
			dir := "seeds/" + strings.ReplaceAll(k, "/", "_") + "_" + strconv.Itoa(i)
			put(dir+"/model.onnx", c.Model)
			put(dir+"/test_data_set_0/output_0.pb", nil) // makes it a case for the reader
			for j := range len(c.Inputs) {
				put(path.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", j)), c.Inputs[j])
			}
		}
	}
	w.Close()
	z.Close()
	if err := os.WriteFile(seedFile, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kinds, %d bytes", len(keys), buf.Len())
}

// signature tells calls apart that are worth having both.
func signature(c *opCase) string {
	s := ""
	for _, a := range c.attrs {
		s += a.Name + a.S + ","
	}
	for _, v := range c.in {
		s += "|"
		if t, ok := v.(*tensor.Tensor); ok {
			s += fmt.Sprint(t.Rank())
		}
	}
	return s
}

// goldenCases reads the golden files of families whose operators ONNX has no cases for.
func goldenCases(t *testing.T) []*conformance.Case {
	var l []*conformance.Case
	for _, fam := range []string{"attn", "linalg"} {
		var cases []struct {
			Domain, Op string
			Opset      int
			Attrs      []struct {
				Name, Kind string
				F          float32
				I          int64
				S          string
				Ints       []int64
			}
			In, Out []*struct {
				DT   string
				Dims []int
				B64  string
			}
		}
		readJSON(t, "../ops/"+fam+"/testdata/cases.json.gz", &cases)
		for _, g := range cases {
			c := &opCase{domain: g.Domain, op: g.Op, opset: g.Opset, out: make([]bool, len(g.Out))}
			for _, a := range g.Attrs {
				k := map[string]graph.AttrKind{"f": graph.AttrFloat, "i": graph.AttrInt, "s": graph.AttrString}[a.Kind]
				if k == 0 {
					k = graph.AttrInts
				}
				c.attrs = append(c.attrs, graph.Attr{Name: a.Name, Kind: k, F: a.F, I: a.I, S: a.S, Ints: a.Ints})
			}
			for _, x := range g.In {
				if x == nil {
					c.in = append(c.in, nil)
					continue
				}
				c.in = append(c.in, decoded(t, x.DT, x.Dims, x.B64))
			}
			l = append(l, asCase(c))
		}
	}
	var cases []struct {
		Op    string
		Opset int
		Attrs []struct {
			Name    string
			I       *int64
			F, S    *string
			Ints    []int64
			Floats  []string
			Strings []string
		}
		Inputs []struct {
			DType   string
			Shape   []int
			Data    string
			Strings []string
			Seq     []any
		}
		Outputs []any
	}
	readJSON(t, "../ops/ml/testdata/ort.json.gz", &cases)
next:
	for _, g := range cases {
		c := &opCase{domain: "ai.onnx.ml", op: g.Op, opset: g.Opset, out: make([]bool, len(g.Outputs))}
		for _, a := range g.Attrs {
			x := graph.Attr{Name: a.Name, Kind: graph.AttrStrings, Ints: a.Ints, Strings: a.Strings}
			switch {
			case a.I != nil:
				x.Kind, x.I = graph.AttrInt, *a.I
			case a.S != nil:
				x.Kind, x.S = graph.AttrString, *a.S
			case a.F != nil:
				v, _ := strconv.ParseFloat(*a.F, 32)
				x.Kind, x.F = graph.AttrFloat, float32(v)
			case a.Ints != nil:
				x.Kind = graph.AttrInts
			case a.Floats != nil:
				x.Kind = graph.AttrFloats
				for _, s := range a.Floats {
					v, _ := strconv.ParseFloat(s, 32)
					x.Floats = append(x.Floats, float32(v))
				}
			}
			c.attrs = append(c.attrs, x)
		}
		for _, x := range g.Inputs {
			if x.Seq != nil {
				continue next
			}
			if x.DType == "string" {
				c.in = append(c.in, optest.Strings(x.Strings, x.Shape...))
				continue
			}
			c.in = append(c.in, decoded(t, x.DType, x.Shape, x.Data))
		}
		l = append(l, asCase(c))
	}
	return l
}

func decoded(t *testing.T, name string, dims []int, b64 string) tensor.Value {
	dt, _ := tensor.ParseDType(name)
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	x, err := tensor.Wrap(dt, b, dims...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func readJSON(t *testing.T, file string, to any) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(to); err != nil {
		t.Fatal(file, err)
	}
}

// asCase writes a call down as a model with inputs.
func asCase(c *opCase) *conformance.Case {
	x := &conformance.Case{ID: "golden/" + c.op, Inputs: map[int][]byte{}}
	var g []byte
	var ins, outs []string
	for i, v := range c.in {
		t, ok := v.(*tensor.Tensor)
		if !ok {
			ins = append(ins, "")
			continue
		}
		name := "x" + strconv.Itoa(i)
		ins = append(ins, name)
		x.Inputs[len(x.Inputs)] = tensor.AppendTensorProto(nil, name, t)
		g = append(g, in(name, optest.TypeOf(t))...)
	}
	for i := range c.out {
		name := "y" + strconv.Itoa(i)
		outs = append(outs, name)
		g = append(g, out(name, graph.Type{})...)
	}
	var attrs [][]byte
	for _, a := range c.attrs {
		attrs = append(attrs, encodeAttr(a))
	}
	g = append(g, node(strings.Join(outs, ",")+" = "+graph.OpName(c.domain, c.op)+"("+strings.Join(ins, ",")+")", attrs...)...)
	version := max(c.opset, 1)
	d := []byte(nil)
	if c.domain != "" {
		d = msg(8, msg(1, c.domain, 2, version))
		version = 23
	}
	x.Model = join(msg(1, 10, 8, msg(1, "", 2, version), 7, g), d)
	return x
}
