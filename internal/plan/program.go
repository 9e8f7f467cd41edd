// Package plan turns a graph into steps over slots: Compile is independent of
// shapes, Bind makes a Bound for one signature, in which every shape that can
// be known is a number, kernels are prepared and memory has offsets. Both
// results are immutable and serve any number of concurrent runs.
package plan

import (
	"fmt"
	"sync"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Program is a compiled graph: the main graph or a body.
type Program struct {
	Graph  *graph.Graph
	Shared *Shared
	Bodies map[*graph.Body]*Program

	slots map[*graph.Value]op.Slot // every value has a slot
	names []*graph.Value           // by slot

	mu    sync.Mutex
	bound map[uint64][]*Bound
	order []*Bound // least recently used first
}

// Shared is what all programs of a model have in common.
type Shared struct {
	Name     string
	Threads  int
	MaxBound int // signatures kept a program; 0 = 16
	// MaxBytes bounds the arena of a bound plan and every value in it; 0 = op.DefaultBytes.
	MaxBytes int64
	Packs    *Packs
	// NoPrepare makes every step run by Eval, for comparison.
	NoPrepare bool
	Stats     Stats
}

// Compile makes the program of a resolved graph and of the bodies in it.
func Compile(g *graph.Graph, sh *Shared) (*Program, error) {
	p := &Program{Graph: g, Shared: sh, Bodies: map[*graph.Body]*Program{},
		slots: map[*graph.Value]op.Slot{}, bound: map[uint64][]*Bound{}}
	for _, v := range g.Inputs {
		p.slot(v)
	}
	for _, n := range g.Nodes {
		n.Uses(func(v *graph.Value) { p.slot(v) })
		for _, v := range n.Outputs {
			if v != nil {
				p.slot(v)
			}
		}
		for _, b := range n.Bodies {
			q, err := Compile(b.Graph, sh)
			if err != nil {
				return nil, err
			}
			p.Bodies[b] = q
		}
	}
	for _, v := range g.Outputs {
		if v == nil {
			return nil, fmt.Errorf("%s: graph %q has an output without a name", sh.Name, g.Name)
		}
		p.slot(v)
	}
	return p, nil
}

func (p *Program) slot(v *graph.Value) op.Slot {
	s, ok := p.slots[v]
	if !ok {
		s = op.Slot(len(p.names))
		p.slots[v] = s
		p.names = append(p.names, v)
	}
	return s
}

// Lookup returns the bound plan of the inputs' signature, binding it first if
// it is new. A nil input stands for the default of an initializer.
func (p *Program) Lookup(in []tensor.Value) (*Bound, error) {
	h := signature(in)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.bound[h] {
		if b.matches(in) {
			p.touch(b)
			return b, nil
		}
	}
	b, err := p.bind(in)
	if err != nil {
		return nil, err
	}
	p.bound[h] = append(p.bound[h], b)
	p.order = append(p.order, b)
	limit := p.Shared.MaxBound
	if limit == 0 {
		limit = 16
	}
	if len(p.order) > limit {
		p.evict(p.order[0])
	}
	return b, nil
}

// touch moves b to the end of the order.
func (p *Program) touch(b *Bound) {
	n := len(p.order)
	if p.order[n-1] == b {
		return
	}
	for i, x := range p.order {
		if x == b {
			copy(p.order[i:], p.order[i+1:])
			p.order[n-1] = b
			return
		}
	}
}

func (p *Program) evict(b *Bound) {
	p.order = append(p.order[:0], p.order[1:]...)
	l := p.bound[b.hash]
	for i, x := range l {
		if x == b {
			l = append(l[:i], l[i+1:]...)
			break
		}
	}
	p.bound[b.hash] = l
	b.Drop()
}

// signature hashes types and shapes (FNV-1a).
func signature(in []tensor.Value) uint64 {
	h := uint64(14695981039346656037)
	add := func(x uint64) { h = (h ^ x) * 1099511628211 }
	for _, v := range in {
		t, ok := v.(*tensor.Tensor)
		if !ok || t == nil {
			add(1 << 40)
			continue
		}
		add(uint64(t.DType()))
		add(uint64(t.Rank()))
		for _, d := range t.Shape() {
			add(uint64(d))
		}
	}
	return h
}

// key is one input of a signature.
type key struct {
	present bool
	dtype   tensor.DType // Invalid: a value that is no tensor
	dims    []int
}

func keyOf(v tensor.Value) key {
	if v == nil {
		return key{}
	}
	if t, ok := v.(*tensor.Tensor); ok {
		return key{true, t.DType(), append([]int{}, t.Shape()...)}
	}
	return key{present: true}
}

func (b *Bound) matches(in []tensor.Value) bool {
	for i, v := range in {
		k := &b.keys[i]
		if (v != nil) != k.present {
			return false
		}
		t, ok := v.(*tensor.Tensor)
		if ok != (k.dtype != tensor.Invalid) {
			return false
		}
		if ok && (t.DType() != k.dtype || !tensor.SameShape(t.Shape(), k.dims)) {
			return false
		}
	}
	return true
}

// Drop forgets all bound plans of p and of its bodies, and their idle frames.
func (p *Program) Drop() {
	p.mu.Lock()
	for _, b := range p.order {
		b.Drop()
	}
	p.order, p.bound = nil, map[uint64][]*Bound{}
	p.mu.Unlock()
	for _, q := range p.Bodies {
		q.Drop()
	}
}

// Bounds returns the bound plans of p, least recently used first.
func (p *Program) Bounds() []*Bound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Bound{}, p.order...)
}
