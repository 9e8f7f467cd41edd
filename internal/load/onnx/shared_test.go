package onnx

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

// Every real model that is at hand must load, and what comes out must be sound.
func TestSharedModels(t *testing.T) {
	dir := testutil.Shared(t, "models")
	files, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no models in %s: %v", dir, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Read(f, data, func(loc string) ([]byte, error) {
				return os.ReadFile(filepath.Join(filepath.Dir(f), loc))
			})
			if err != nil {
				t.Fatal(err)
			}
			checkModel(t, m)
		})
	}
}

func TestSharedConformance(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(testutil.Shared(t, "onnx-conformance"), "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, a := range archives {
		t.Run(filepath.Base(a), func(t *testing.T) {
			t.Parallel()
			models := 0
			eachMember(t, a, func(name string, data []byte) {
				switch {
				case strings.HasSuffix(name, "/model.onnx"):
					models++
					m, err := Read(name, data, nil)
					if err != nil {
						t.Error(err)
						return
					}
					checkModel(t, m)
				case strings.HasSuffix(name, ".pb"):
					if err := parseAny(data); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
			t.Logf("%d models", models)
		})
	}
}

// parseAny decodes a value of a kind that the model would tell.
func parseAny(b []byte) error {
	_, _, err := tensor.ParseTensorProto(b)
	if err == nil {
		return nil
	}
	for _, k := range []tensor.ProtoKind{tensor.ProtoSequence, tensor.ProtoOptional} {
		if _, _, e := tensor.ParseValueProto(k, b); e == nil {
			return nil
		}
	}
	return err
}

func eachMember(t *testing.T, archive string, f func(name string, data []byte)) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		f(h.Name, b)
	}
}

// checkModel reports what later stages rely on.
func checkModel(t testing.TB, m *graph.Model) {
	t.Helper()
	paths := map[string]bool{}
	checkGraph(t, m.Graph, paths)
	if m.Graph.Formal != len(m.Graph.Inputs) {
		t.Errorf("%s: main graph has captures", m.Name)
	}
}

func checkGraph(t testing.TB, g *graph.Graph, paths map[string]bool) {
	t.Helper()
	known := map[*graph.Value]bool{}
	names := map[string]*graph.Value{}
	add := func(v *graph.Value) {
		if o := names[v.Name]; o != nil && o != v {
			t.Errorf("graph %q: two values are called %q", g.Name, v.Name)
		}
		names[v.Name], known[v] = v, true
	}
	for _, v := range g.Inputs {
		add(v)
	}
	for _, n := range g.Nodes {
		if n.Path == "" || paths[n.Path] {
			t.Errorf("path %q is empty or not unique", n.Path)
		}
		paths[n.Path] = true
		if n.Opset < 1 {
			t.Errorf("node %s: opset %d", n.Path, n.Opset)
		}
		n.Uses(func(v *graph.Value) {
			if v.Const != nil && v.Producer == nil {
				add(v)
			}
			if !known[v] {
				t.Errorf("node %s reads %q before it is there", n.Path, v.Name)
			}
		})
		for _, b := range n.Bodies {
			if len(b.Graph.Inputs)-b.Graph.Formal != len(b.Captures) {
				t.Errorf("node %s: body %s has %d inputs, %d formal, and %d captures", n.Path, b.Attr, len(b.Graph.Inputs), b.Graph.Formal, len(b.Captures))
			}
			checkGraph(t, b.Graph, paths)
		}
		for _, v := range n.Outputs {
			if v == nil {
				continue
			}
			if v.Producer != n {
				t.Errorf("node %s: output %q has another producer", n.Path, v.Name)
			}
			add(v)
		}
	}
	for _, v := range g.Outputs {
		if v.Const != nil && v.Producer == nil {
			add(v)
		}
		if !known[v] {
			t.Errorf("graph %q: output %q is not there", g.Name, v.Name)
		}
	}
}
