// Package layering holds the rules of the repository's shape as tests: which
// package may import which, how long files may be, which modules are used.
package layering

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/walnut-ai/walnut"

// policy is the import lattice. A line reads "package: what it may import";
// paths are relative to the module, "." is the root package, X/* stands for the
// packages below X, std is always allowed. A package without a line, and an
// import that its line lacks, fail.
const policy = `
tensor:             protowire
models:
internal/parallel:  x/sys internal/kernel/isa
internal/mem:       x/sys
internal/kernel/isa: x/sys
internal/kernel/kerneltest: x/sys internal/kernel/isa
internal/kernel/vec:  internal/kernel/isa internal/parallel
internal/kernel/gemm: internal/kernel/isa internal/kernel/vec internal/parallel
internal/kernel/quant: internal/kernel/isa internal/kernel/vec internal/kernel/gemm internal/parallel
internal/kernel/conv: internal/kernel/isa internal/kernel/vec internal/kernel/gemm internal/kernel/quant internal/parallel
internal/kernel/*:  internal/kernel/isa internal/kernel/vec internal/kernel/gemm internal/parallel
internal/compare:   tensor
internal/graph:     tensor
internal/media:     tensor x/image
internal/op:        internal/graph tensor internal/parallel internal/mem internal/kernel/isa internal/op/schema
internal/op/schema: internal/graph
internal/op/interp: internal/op internal/graph tensor
internal/ops:       internal/op internal/ops/*
internal/ops/optest: internal/compare internal/graph internal/op internal/op/interp internal/plan internal/exec tensor internal/testutil
internal/ops/*:     internal/op internal/op/schema internal/graph tensor internal/kernel/* internal/parallel internal/mem x/image
internal/opdoc:     internal/graph internal/op internal/op/schema internal/ops
internal/load/onnx: internal/graph tensor internal/mem protowire
internal/load:      internal/load/onnx internal/graph tensor internal/mem
internal/optimize:  internal/op internal/op/interp internal/graph tensor
internal/plan:      internal/op internal/op/interp internal/graph tensor internal/mem
internal/exec:      internal/plan internal/op internal/graph tensor internal/mem internal/parallel
internal/engine:    internal/kernel/isa internal/load internal/optimize internal/ops internal/op internal/op/interp internal/plan internal/exec internal/graph tensor
internal/conformance: internal/engine internal/load internal/compare internal/graph internal/op tensor
internal/testutil:
internal/layering:
.:                  internal/engine internal/exec internal/plan internal/load internal/graph internal/op tensor
cmd/walnut:         . tensor models internal/load internal/graph internal/op internal/ops internal/opdoc internal/media internal/conformance internal/engine internal/compare cobra
tools/conf:         internal/conformance internal/engine
`

var external = map[string]string{
	"protowire": "google.golang.org/protobuf/encoding/protowire",
	"x/sys":     "golang.org/x/sys",
	"x/image":   "golang.org/x/image",
	"cobra":     "github.com/spf13/cobra",
}

type rule struct{ pkg, allowed string }

func rules(t *testing.T) []rule {
	var l []rule
	s := bufio.NewScanner(strings.NewReader(policy))
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			p, a, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("policy line %q", line)
			}
			l = append(l, rule{p, a})
		}
	}
	return l
}

// match reports whether pattern covers the package p.
func match(pattern, p string) bool {
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(p, base+"/")
	}
	return pattern == p
}

func find(l []rule, p string) *rule {
	var best *rule
	for i := range l {
		if match(l[i].pkg, p) && (best == nil || len(l[i].pkg) > len(best.pkg) || l[i].pkg == p) && (best == nil || best.pkg != p) {
			best = &l[i]
		}
	}
	return best
}

func (r *rule) allows(imp string) bool {
	rel, inside := "", imp == module
	if inside {
		rel = "."
	} else if rel, inside = strings.CutPrefix(imp, module+"/"); !inside {
		if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
			return true // standard library
		}
	}
	for _, a := range strings.Fields(r.allowed) {
		if inside && match(a, rel) {
			return true
		}
		if e := external[a]; !inside && e != "" && (imp == e || strings.HasPrefix(imp, e+"/")) {
			return true
		}
	}
	return false
}

// eachFile calls f for every Go file that belongs to the module.
func eachFile(t *testing.T, f func(rel string)) {
	root := "../.."
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			f(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImports checks every import of every package against the policy. Tests
// may import more, except that nothing may import a command.
func TestImports(t *testing.T) {
	l := rules(t)
	used := map[string]bool{}
	eachFile(t, func(rel string) {
		if strings.HasSuffix(rel, "_test.go") || strings.Contains(rel, "/_") {
			return
		}
		p := path.Dir(rel)
		if strings.HasPrefix(p, "examples") {
			return
		}
		r := find(l, p)
		if r == nil {
			t.Errorf("package %s has no line in the policy", p)
			return
		}
		used[r.pkg] = true
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", rel), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		for _, i := range f.Imports {
			imp, _ := strconv.Unquote(i.Path.Value)
			if strings.HasPrefix(p, "internal/ops/") && strings.HasPrefix(imp, module+"/internal/ops/") {
				t.Errorf("%s imports %s: families of operators don't import each other", rel, imp)
			}
			if !r.allows(imp) {
				t.Errorf("%s imports %s, which the policy does not allow", rel, imp)
			}
		}
	})
	for _, r := range l {
		if !used[r.pkg] && !strings.HasPrefix(r.pkg, "internal/kernel/") && r.pkg != "internal/layering" {
			t.Errorf("policy line for %s, which has no files", r.pkg)
		}
	}
}

// maxLines is the longest that a hand-written file may be.
const maxLines = 600

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFileSizes(t *testing.T) {
	eachFile(t, func(rel string) {
		b, err := os.ReadFile(filepath.Join("../..", rel))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n > maxLines && !generated.Match(b[:min(len(b), 500)]) {
			t.Errorf("%s has %d lines, at most %d: split it by what it does", rel, n, maxLines)
		}
	})
}

// TestNoInit checks that nothing registers itself: tables are explicit.
func TestNoInit(t *testing.T) {
	re := regexp.MustCompile(`(?m)^func init\(\)`)
	eachFile(t, func(rel string) {
		b, err := os.ReadFile(filepath.Join("../..", rel))
		if err != nil {
			t.Fatal(err)
		}
		if rel == "internal/kernel/isa/isa.go" { // detects the CPU before kernels choose their forms
			return
		}
		if re.Match(b) && !strings.Contains(rel, "/_") && !strings.HasSuffix(rel, "_test.go") {
			t.Errorf("%s has an init function", rel)
		}
	})
}

// TestModules checks that every module of go.mod that is used directly has its
// reason in docs/dependencies.md.
func TestModules(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(f) < 2 || !strings.HasPrefix(f[1], "v") || strings.Contains(line, "// indirect") {
			continue
		}
		if !strings.Contains(string(doc), f[0]) {
			t.Errorf("%s has no reason in docs/dependencies.md", f[0])
		}
	}
}
