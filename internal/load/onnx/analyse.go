package onnx

import (
	"container/heap"
	"fmt"
	"strings"
)

// analyse checks that g defines each name once, finds the names that it takes
// from outside, and orders its nodes.
func (p *parser) analyse(g *pGraph) error {
	local, err := p.locals(g)
	if err != nil {
		return err
	}
	free := map[string]bool{}
	outer := func(name string) error {
		if free[name] {
			return nil
		}
		free[name] = true
		g.free = append(g.free, name)
		return p.charge(96)
	}
	sorted := true
	reads := 0
	for i, n := range g.nodes {
		err := n.uses(func(name string) error {
			reads++
			by, ok := local[name]
			switch {
			case !ok:
				return outer(name)
			case by >= i:
				sorted = false
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, o := range g.outputs {
		if _, ok := local[o.name]; !ok {
			if err := outer(o.name); err != nil {
				return err
			}
		}
	}
	if err := p.charge(8*len(g.nodes) + reads); err != nil {
		return err
	}
	g.order = make([]int, len(g.nodes))
	for i := range g.order {
		g.order[i] = i
	}
	if sorted {
		return nil
	}
	return p.sort(g, local)
}

// locals maps the names that g defines to the node that does, -1 for inputs
// and initializers. An initializer may repeat an input, nothing else may repeat.
func (p *parser) locals(g *pGraph) (map[string]int, error) {
	size := len(g.inputs) + len(g.inits) + len(g.nodes)
	if err := p.charge(costName * (len(g.inputs) + len(g.inits))); err != nil {
		return nil, err
	}
	local := make(map[string]int, size)
	for _, v := range g.inputs {
		if _, ok := local[v.name]; ok {
			return nil, fmt.Errorf("%w: graph input %q occurs twice", ErrFormat, v.name)
		}
		local[v.name] = -1
	}
	inits := make(map[string]bool, len(g.inits))
	for _, v := range g.inits {
		if inits[v.name] {
			return nil, fmt.Errorf("%w: initializer %q occurs twice", ErrFormat, v.name)
		}
		inits[v.name] = true
		local[v.name] = -1
	}
	for i, n := range g.nodes {
		for _, name := range n.outputs {
			if name == "" {
				continue
			}
			by, ok := local[name]
			switch {
			case !ok:
			case by < 0:
				return nil, fmt.Errorf("%w: node %s: its output %q is also a graph input or initializer", ErrFormat, n.label(), name)
			default:
				return nil, fmt.Errorf("%w: node %s: its output %q is also an output of node %s", ErrFormat, n.label(), name, g.nodes[by].label())
			}
			local[name] = i
		}
	}
	return local, nil
}

// uses calls f for every name that n reads, those inside its bodies included.
func (n *pNode) uses(f func(string) error) error {
	for _, name := range n.inputs {
		if name == "" {
			continue
		}
		if err := f(name); err != nil {
			return err
		}
	}
	for _, a := range n.attrs {
		if a.body == nil {
			continue
		}
		for _, name := range a.body.free {
			if err := f(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// sort puts each node after those it reads and otherwise keeps the order of the file.
func (p *parser) sort(g *pGraph, local map[string]int) error {
	waits := make([]int, len(g.nodes))     // reads whose node is not placed yet
	readers := make([][]int, len(g.nodes)) // by producer, one entry a read
	if err := p.charge(40 * len(g.nodes)); err != nil {
		return err
	}
	for i, n := range g.nodes {
		err := n.uses(func(name string) error {
			if by, ok := local[name]; ok && by >= 0 {
				waits[i]++
				readers[by] = append(readers[by], i)
				return p.charge(32)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	ready := &intHeap{}
	for i, w := range waits {
		if w == 0 {
			*ready = append(*ready, i) // ascending, so a heap
		}
	}
	g.order = g.order[:0]
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		g.order = append(g.order, i)
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				heap.Push(ready, r)
			}
		}
	}
	if len(g.order) == len(g.nodes) {
		return nil
	}
	return cycle(g, local, waits)
}

// cycle names the nodes of a cycle; nodes with waits > 0 are on one or behind one.
func cycle(g *pGraph, local map[string]int, waits []int) error {
	at := 0
	for waits[at] == 0 {
		at++
	}
	seen := map[int]int{} // node -> place in path
	var path []int
	for {
		if from, ok := seen[at]; ok {
			path = path[from:]
			break
		}
		seen[at] = len(path)
		path = append(path, at)
		next := at
		g.nodes[at].uses(func(name string) error {
			if by, ok := local[name]; ok && by >= 0 && waits[by] > 0 {
				next = by
			}
			return nil
		})
		at = next
	}
	var names []string
	for i := range min(len(path), 8) {
		names = append(names, g.nodes[path[i]].label())
	}
	if len(path) > 8 {
		names = append(names, fmt.Sprintf("%d more", len(path)-8))
	}
	return fmt.Errorf("%w: nodes read each other in a cycle: %s", ErrFormat, strings.Join(names, ", "))
}

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
