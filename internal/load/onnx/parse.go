package onnx

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// The p types hold a file's text after parsing, before names are resolved.
// Tensors and attributes in them are decoded already and shared by every
// expansion of a function.
type (
	pModel struct {
		ir, version      int64
		producer, domain string
		producerVersion  string
		doc              string
		imports          map[string]int
		graph            *pGraph
		meta             map[string]string
		funcs            map[funcKey]*pFunc
		order            []string // functions as the file orders them
	}

	pGraph struct {
		name, doc       string
		nodes           []*pNode
		inits           []pInit
		inputs, outputs []pValue
		types           map[string]graph.Type // value_info, by name
		// Set by analyse.
		order []int    // nodes, each after those it reads
		free  []string // names that surrounding graphs must define
	}

	pInit struct {
		name string
		t    *tensor.Tensor
	}

	pValue struct {
		name  string
		typ   graph.Type
		typed bool
	}

	pNode struct {
		index            int
		inputs, outputs  []string
		name, op, domain string
		overload, doc    string
		attrs            []*pAttr
	}

	// pAttr is an attribute: a value, a body, or a reference to an attribute
	// of the surrounding function.
	pAttr struct {
		graph.Attr
		kind int64 // as in the file, or inferred
		ref  string
		body *pGraph
	}

	funcKey struct{ domain, name, overload string }

	pFunc struct {
		key     funcKey
		body    *pGraph           // inputs and outputs have names only
		attrs   map[string]*pAttr // declared attributes; nil = no default
		imports map[string]int
	}
)

// parser decodes messages under a budget.
type parser struct {
	*budget
	tensors tensor.ProtoReader
	names   map[string]string
	symbols int
}

// What objects are charged with, in bytes: measured sizes of the object and its
// share of maps, while parsing and in the graph that is built.
const (
	costNode  = 240 // parsed
	costBuilt = 320 // in the graph
	costValue = 180 // in the graph
	costRef   = 24  // use of a name
	costName  = 64  // a name that is defined
	costAttr  = 400
	costInit  = 400
	costDim   = 48
	costGraph = 1024
)

// name returns b as a string, one copy for all that are equal.
func (p *parser) name(f *field) (string, error) {
	b, err := f.bytes()
	if err != nil {
		return "", err
	}
	if s, ok := p.names[string(b)]; ok {
		return s, nil
	}
	if len(b) > maxName {
		return "", fmt.Errorf("%w: a name of %d bytes, at most %d are allowed: %.60q", ErrLimit, len(b), maxName, b)
	}
	if err := p.charge(len(b) + 64); err != nil {
		return "", err
	}
	s := string(b)
	p.names[s] = s
	return s, nil
}

// text is name for doc strings and other long texts.
func (p *parser) text(f *field) (string, error) {
	b, err := f.bytes()
	if err != nil {
		return "", err
	}
	if len(b) > maxDoc {
		return "", fmt.Errorf("%w: a text of %d bytes, at most %d are allowed", ErrLimit, len(b), maxDoc)
	}
	return string(b), p.charge(len(b))
}

// domainName returns the canonical name of a domain.
func domainName(s string) string {
	if s == "ai.onnx" {
		return ""
	}
	return s
}

func (p *parser) model(b []byte) (*pModel, error) {
	m := &pModel{imports: map[string]int{}, meta: map[string]string{}, funcs: map[funcKey]*pFunc{}}
	c := fields{b: b}
	var f field
	var err error
	for err == nil && c.next(&f) {
		switch f.num {
		case 1:
			m.ir, err = f.int()
		case 2:
			m.producer, err = p.text(&f)
		case 3:
			m.producerVersion, err = p.text(&f)
		case 4:
			m.domain, err = p.text(&f)
		case 5:
			m.version, err = f.int()
		case 6:
			m.doc, err = p.text(&f)
		case 7:
			if m.graph != nil {
				return nil, fmt.Errorf("%w: it has two graphs", ErrFormat)
			}
			m.graph, err = p.graph(&f, 0)
		case 8:
			err = p.opsetImport(&f, m.imports)
		case 14:
			err = p.metadata(&f, m.meta)
		case 25:
			var fn *pFunc
			if fn, err = p.function(&f); err == nil {
				if m.funcs[fn.key] != nil {
					return nil, fmt.Errorf("%w: function %s is defined twice", ErrFormat, fn.key)
				}
				m.funcs[fn.key] = fn
				m.order = append(m.order, fn.key.String())
			}
		}
	}
	if err == nil {
		err = c.err
	}
	return m, err
}

// String returns "domain.Name" with ":overload".
func (k funcKey) String() string {
	s := graph.OpName(k.domain, k.name)
	if k.overload != "" {
		s += ":" + k.overload
	}
	return s
}

// opsetImport takes an OperatorSetIdProto; of two for one domain the newer counts.
func (p *parser) opsetImport(f *field, imports map[string]int) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	c := fields{b: b}
	for err == nil && c.next(f) {
		switch f.num {
		case 1:
			domain, err = p.name(f)
		case 2:
			version, err = f.int()
		}
	}
	if err == nil {
		err = c.err
	}
	if err != nil {
		return fmt.Errorf("opset_import: %w", err)
	}
	domain = domainName(domain)
	if domain == "" && (version < 1 || version > maxOpset) {
		return fmt.Errorf("%w: opset_import: version %d of the default domain is not supported; versions 1 to %d are", ErrFormat, version, maxOpset)
	}
	version = max(0, min(version, 1<<30))
	imports[domain] = max(imports[domain], int(version))
	return p.charge(64)
}

// metadata takes a StringStringEntryProto.
func (p *parser) metadata(f *field, meta map[string]string) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	var k, v string
	c := fields{b: b}
	for err == nil && c.next(f) {
		switch f.num {
		case 1:
			k, err = p.name(f)
		case 2:
			// Values are kept whole: pre- and post-processing tables live here.
			if b, err = f.bytes(); err == nil {
				v, err = string(b), p.charge(len(b))
			}
		}
	}
	if err == nil {
		err = c.err
	}
	if err != nil {
		return fmt.Errorf("metadata_props: %w", err)
	}
	meta[k] = v
	return p.charge(96)
}

func (p *parser) graph(f *field, depth int) (*pGraph, error) {
	if depth > maxBodies {
		return nil, fmt.Errorf("%w: graphs nested deeper than %d", ErrLimit, maxBodies)
	}
	b, err := f.bytes()
	if err == nil {
		err = p.charge(costGraph)
	}
	if err != nil {
		return nil, err
	}
	g := &pGraph{types: map[string]graph.Type{}}
	c := fields{b: b}
	for err == nil && c.next(f) {
		switch f.num {
		case 1:
			err = p.addNode(g, f, depth)
		case 2:
			g.name, err = p.text(f)
		case 5:
			err = p.addInit(g, f, p.tensors.Tensor)
		case 15:
			err = p.addInit(g, f, p.tensors.Sparse)
		case 10:
			g.doc, err = p.text(f)
		case 11:
			g.inputs, err = p.addValue(g.inputs, f, "input")
		case 12:
			g.outputs, err = p.addValue(g.outputs, f, "output")
		case 13:
			err = p.valueInfo(g.types, f)
		}
	}
	if err == nil {
		err = c.err
	}
	if err == nil {
		err = p.analyse(g)
	}
	return g, err
}

func (p *parser) addInit(g *pGraph, f *field, decode func([]byte) (string, *tensor.Tensor, error)) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	if err := p.charge(costInit); err != nil {
		return err
	}
	name, t, err := decode(b)
	if err == nil && name == "" {
		err = fmt.Errorf("%w: it has no name", ErrFormat)
	}
	if err == nil && len(name) > maxName {
		err = fmt.Errorf("%w: its name has %d bytes, at most %d are allowed", ErrLimit, len(name), maxName)
	}
	if err != nil {
		return fmt.Errorf("initializer %d: %w", len(g.inits), err)
	}
	if err := p.charge(len(name)); err != nil {
		return err
	}
	if s, ok := p.names[name]; ok {
		name = s
	} else {
		p.names[name] = name
	}
	g.inits = append(g.inits, pInit{name, t})
	return nil
}

func (p *parser) addValue(list []pValue, f *field, what string) ([]pValue, error) {
	v, err := p.value(f)
	if err == nil && v.name == "" {
		err = fmt.Errorf("%w: it has no name", ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("graph %s %d: %w", what, len(list), err)
	}
	return append(list, v), p.charge(costValue)
}

func (p *parser) valueInfo(types map[string]graph.Type, f *field) error {
	v, err := p.value(f)
	if err != nil {
		return fmt.Errorf("value_info %d: %w", len(types), err)
	}
	if v.name == "" || !v.typed {
		return nil
	}
	types[v.name] = v.typ
	return p.charge(160)
}

// value takes a ValueInfoProto.
func (p *parser) value(f *field) (v pValue, err error) {
	b, err := f.bytes()
	c := fields{b: b}
	for err == nil && c.next(f) {
		switch f.num {
		case 1:
			v.name, err = p.name(f)
		case 2:
			v.typed = true
			v.typ, err = p.typeProto(f, 0)
		}
	}
	if err == nil {
		err = c.err
	}
	if err != nil && v.name != "" {
		err = fmt.Errorf("%q: %w", v.name, err)
	}
	return v, err
}

func (p *parser) addNode(g *pGraph, f *field, depth int) error {
	b, err := f.bytes()
	if err == nil {
		err = p.charge(costNode)
	}
	if err != nil {
		return err
	}
	n := &pNode{index: len(g.nodes)}
	if err := p.node(n, b, depth); err != nil {
		return fmt.Errorf("node %s: %w", n.label(), err)
	}
	g.nodes = append(g.nodes, n)
	return nil
}

// label names a node in messages of the parser, which knows no paths yet.
func (n *pNode) label() string {
	s := fmt.Sprintf("#%d", n.index)
	if n.name != "" {
		s = fmt.Sprintf("%.200q", n.name)
	}
	if n.op != "" {
		s += " (" + graph.OpName(n.domain, n.op) + ")"
	}
	return s
}

func (p *parser) node(n *pNode, b []byte, depth int) error {
	var f field
	var err error
	// Names first, whatever the order of the fields: messages need them.
	c := fields{b: b}
	for err == nil && c.next(&f) {
		switch f.num {
		case 1:
			n.inputs, err = p.addName(n.inputs, &f)
		case 2:
			n.outputs, err = p.addName(n.outputs, &f)
		case 3:
			n.name, err = p.name(&f)
		case 4:
			n.op, err = p.name(&f)
		case 6:
			n.doc, err = p.text(&f)
		case 7:
			n.domain, err = p.name(&f)
			n.domain = domainName(n.domain)
		case 8:
			n.overload, err = p.name(&f)
		}
	}
	if err == nil {
		err = c.err
	}
	if err == nil && n.op == "" {
		err = fmt.Errorf("%w: it has no op_type", ErrFormat)
	}
	n.inputs, n.outputs = trim(n.inputs), trim(n.outputs)
	if err == nil && len(n.outputs) == 0 {
		err = fmt.Errorf("%w: it has no output", ErrFormat)
	}
	c = fields{b: b}
	for err == nil && c.next(&f) {
		if f.num == 5 {
			err = p.addAttr(n, &f, depth)
		}
	}
	return err
}

// addName appends a name that counts as one use of a value.
func (p *parser) addName(list []string, f *field) ([]string, error) {
	s, err := p.name(f)
	if err != nil {
		return nil, err
	}
	cost := costRef
	if f.num == 2 {
		cost += costName
	}
	return append(list, s), p.charge(cost)
}

// trim drops empty names at the end.
func trim(list []string) []string {
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}
