// Package schema is the operator standard as data: for every operator and
// version its inputs, outputs, types and attributes with defaults, generated
// from the onnx package and, for com.microsoft, from ONNX Runtime
// (tools/goldens/schemas.py). Operators take defaults and limits from here, so
// that versions can't drift from the standard by hand.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/walnut-ai/walnut/internal/graph"
)

//go:embed schemas.txt
var text string

// Unlimited is Max of an operator with variadic parameters.
const Unlimited = 1 << 30

// Param is a formal input or output.
type Param struct {
	Name     string
	Type     string // a type variable, or a type such as "int64" or "seq(tensor(float))"
	Optional bool
	Variadic bool
	Mixed    bool // variadic whose items may differ in type
}

// Attr is a formal attribute; Default is nil if it has none.
type Attr struct {
	Name     string
	Kind     graph.AttrKind // 0: a graph
	Graph    bool
	Required bool
	Default  *graph.Attr
}

// Schema describes one version of an operator.
type Schema struct {
	Domain, Name   string
	Since          int
	Deprecated     bool
	Function       bool
	MinIn, MaxIn   int
	MinOut, MaxOut int
	Inputs         []Param
	Outputs        []Param
	Types          map[string][]string // type variable -> allowed types
	Attrs          []Attr
}

// Attr returns the formal attribute name, nil if there is none.
func (s *Schema) Attr(name string) *Attr {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name {
			return &s.Attrs[i]
		}
	}
	return nil
}

// Input returns the formal parameter of actual input i: the last one stands
// for the rest if it is variadic.
func (s *Schema) Input(i int) *Param { return param(s.Inputs, i) }

// Output returns the formal parameter of actual output i.
func (s *Schema) Output(i int) *Param { return param(s.Outputs, i) }

func param(p []Param, i int) *Param {
	if i < len(p) {
		return &p[i]
	}
	if n := len(p); n > 0 && p[n-1].Variadic {
		return &p[n-1]
	}
	return nil
}

type key struct{ domain, name string }

type entry struct {
	since  int
	line   string
	once   sync.Once
	parsed *Schema
}

var index = sync.OnceValue(func() map[key][]*entry {
	m := make(map[key][]*entry, 400)
	for line := range strings.Lines(text + own) {
		f := strings.SplitN(line, "\t", 4)
		since, err := strconv.Atoi(f[2])
		if err != nil {
			panic("schemas.txt: " + line)
		}
		d := f[0]
		if d == "ai.onnx" {
			d = ""
		}
		k := key{d, f[1]}
		m[k] = append(m[k], &entry{since: since, line: line})
	}
	return m
})

// Lookup returns the newest version of an operator that is not newer than
// version, nil if there is none. The domain of ai.onnx is "".
func Lookup(domain, name string, version int) *Schema {
	var best *entry
	for _, e := range index()[key{domain, name}] {
		if e.since <= version {
			best = e
		}
	}
	if best == nil {
		return nil
	}
	return best.get()
}

// Versions returns all versions of an operator, oldest first.
func Versions(domain, name string) []*Schema {
	var l []*Schema
	for _, e := range index()[key{domain, name}] {
		l = append(l, e.get())
	}
	return l
}

// Names returns the operators of a domain in order.
func Names(domain string) []string {
	var l []string
	for k := range index() {
		if k.domain == domain {
			l = append(l, k.name)
		}
	}
	sort.Strings(l)
	return l
}

func (e *entry) get() *Schema {
	e.once.Do(func() { e.parsed = parse(strings.TrimSuffix(e.line, "\n")) })
	return e.parsed
}

func parse(line string) *Schema {
	f := strings.Split(line, "\t")
	num := func(s string) int {
		if s == "*" {
			return Unlimited
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			panic("schemas.txt: " + line)
		}
		return n
	}
	s := &Schema{Domain: f[0], Name: f[1], Since: num(f[2]), Types: map[string][]string{},
		Deprecated: strings.Contains(f[3], "d"), Function: strings.Contains(f[3], "f"),
		MinIn: num(f[4]), MaxIn: num(f[5]), MinOut: num(f[6]), MaxOut: num(f[7]),
		Inputs: params(f[8]), Outputs: params(f[9])}
	if s.Domain == "ai.onnx" {
		s.Domain = ""
	}
	if f[10] != "-" {
		for _, t := range strings.Split(f[10], ";") {
			name, list, _ := strings.Cut(t, "=")
			s.Types[name] = strings.Split(list, "|")
		}
	}
	if f[11] != "-" {
		for _, a := range splitAttrs(f[11]) {
			s.Attrs = append(s.Attrs, attr(a))
		}
	}
	return s
}

func params(s string) []Param {
	if s == "-" {
		return nil
	}
	var l []Param
	depth, start := 0, 0
	add := func(p string) {
		name, typ, _ := strings.Cut(p, ":")
		q := Param{Name: name}
		switch typ[len(typ)-1] {
		case '?':
			q.Optional = true
		case '*':
			q.Variadic = true
		case '~':
			q.Variadic, q.Mixed = true, true
		}
		q.Type = strings.TrimRight(typ, "?*~")
		l = append(l, q)
	}
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				add(s[start:i])
				start = i + 1
			}
		}
	}
	add(s[start:])
	return l
}

// splitAttrs splits at semicolons outside of JSON strings.
func splitAttrs(s string) []string {
	var l []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			l = append(l, s[start:i])
			start = i + 1
		}
	}
	return append(l, s[start:])
}

var kinds = map[string]graph.AttrKind{
	"FLOAT": graph.AttrFloat, "INT": graph.AttrInt, "STRING": graph.AttrString, "TENSOR": graph.AttrTensor,
	"FLOATS": graph.AttrFloats, "INTS": graph.AttrInts, "STRINGS": graph.AttrStrings, "TENSORS": graph.AttrTensors,
	"TYPE_PROTO": graph.AttrType, "SPARSE_TENSOR": graph.AttrTensor,
}

func attr(s string) Attr {
	decl, def, hasDef := strings.Cut(s, "=")
	name, kind, _ := strings.Cut(decl, ":")
	a := Attr{Name: name, Required: strings.HasSuffix(kind, "!")}
	kind = strings.TrimSuffix(kind, "!")
	if kind == "GRAPH" || kind == "GRAPHS" {
		a.Graph = true
		return a
	}
	a.Kind = kinds[kind]
	if a.Kind == 0 {
		panic("schemas.txt: attribute " + s)
	}
	if !hasDef {
		return a
	}
	d := &graph.Attr{Name: name, Kind: a.Kind}
	var err error
	switch a.Kind {
	case graph.AttrFloat:
		err = json.Unmarshal([]byte(def), &d.F)
	case graph.AttrInt:
		err = json.Unmarshal([]byte(def), &d.I)
	case graph.AttrString:
		err = json.Unmarshal([]byte(def), &d.S)
	case graph.AttrFloats:
		err = json.Unmarshal([]byte(def), &d.Floats)
	case graph.AttrInts:
		err = json.Unmarshal([]byte(def), &d.Ints)
	case graph.AttrStrings:
		err = json.Unmarshal([]byte(def), &d.Strings)
	default:
		err = fmt.Errorf("default of a %v", a.Kind)
	}
	if err != nil {
		panic("schemas.txt: " + s + ": " + err.Error())
	}
	a.Default = d
	return a
}
