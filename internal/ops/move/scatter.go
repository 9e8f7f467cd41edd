package move

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// reduction is how an update meets what is there: none replaces it.
type reduction string

func reductionArg(a *op.Args) reduction {
	if a.Version < 16 {
		return "none"
	}
	if a.Version < 18 {
		return reduction(a.OneOf("reduction", "none", "none", "add", "mul"))
	}
	return reduction(a.OneOf("reduction", "none", "none", "add", "mul", "max", "min"))
}

// scatterer stores updates into a copy of data. With a reduction, floats are
// gathered in float64 and rounded once.
type scatterer struct {
	r    reduction
	w    int
	dst  []byte
	upd  []byte
	y, u *tensor.Tensor
	acc  []float64
}

// scatter makes output 0 a copy of data and lets f put the updates in it.
func scatter(e *op.Eval, r reduction, data, updates *tensor.Tensor, f func(s *scatterer) error) error {
	y, err := e.OutLike(0, data.DType(), data)
	if err != nil || y.Len() == 0 {
		return err
	}
	if updates.DType() != data.DType() {
		return fmt.Errorf("updates are %v, must be %v", updates.DType(), data.DType())
	}
	s := &scatterer{r: r, y: y, u: updates}
	if r != "none" {
		return s.reduce(e, data, f)
	}
	m := newMover(e, data.DType())
	src, err := m.read(data)
	if err != nil {
		return err
	}
	if s.upd, err = m.read(updates); err != nil {
		return err
	}
	if s.dst, err = m.write(y); err != nil {
		return err
	}
	s.w = m.w
	copy(s.dst, src)
	if err := f(s); err != nil {
		return err
	}
	return m.flush(y, s.dst)
}

func (s *scatterer) reduce(e *op.Eval, data *tensor.Tensor, f func(s *scatterer) error) error {
	c := data.DType().Class()
	if c == tensor.ClassString || c == tensor.ClassComplex && (s.r == "max" || s.r == "min") {
		return fmt.Errorf("reduction %q is not defined for %v", s.r, data.DType())
	}
	if err := s.y.CopyFrom(data); err != nil {
		return err
	}
	if c == tensor.ClassFloat && data.DType() != tensor.Float64 {
		t, err := e.Temp(tensor.Float64, data.Len())
		if err != nil {
			return err
		}
		s.acc = tensor.Of[float64](t)
		data.Floats(s.acc[:0])
	}
	if err := f(s); err != nil {
		return err
	}
	if s.acc != nil {
		s.y.SetFloats(s.acc)
	}
	return nil
}

// put stores n updates from place j on at place i of the output.
func (s *scatterer) put(i, j, n int) {
	if s.r == "none" {
		copy(s.dst[i*s.w:(i+n)*s.w], s.upd[j*s.w:])
		return
	}
	for k := range n {
		s.meet(i+k, j+k)
	}
}

func (s *scatterer) meet(i, j int) {
	switch s.y.DType().Class() {
	case tensor.ClassFloat:
		if s.acc != nil {
			s.acc[i] = meetFloat(s.r, s.acc[i], s.u.FloatAt(j))
		} else {
			s.y.SetFloatAt(i, meetFloat(s.r, s.y.FloatAt(i), s.u.FloatAt(j)))
		}
	case tensor.ClassInt:
		a, b := s.y.IntAt(i), s.u.IntAt(j)
		switch s.r {
		case "add":
			a += b
		case "mul":
			a *= b
		case "max":
			a = max(a, b)
		case "min":
			a = min(a, b)
		}
		s.y.SetIntAt(i, a)
	case tensor.ClassUint: // bool too: add is or, mul is and
		a, b := s.y.UintAt(i), s.u.UintAt(j)
		switch s.r {
		case "add":
			a += b
		case "mul":
			a *= b
		case "max":
			a = max(a, b)
		case "min":
			a = min(a, b)
		}
		s.y.SetUintAt(i, a)
	case tensor.ClassComplex:
		a, b := s.y.ComplexAt(i), s.u.ComplexAt(j)
		if s.r == "add" {
			a += b
		} else {
			a *= b
		}
		s.y.SetComplexAt(i, a)
	}
}

func meetFloat(r reduction, a, b float64) float64 {
	switch r {
	case "add":
		return a + b
	case "mul":
		return a * b
	case "max":
		return math.Max(a, b)
	}
	return math.Min(a, b)
}

// scatterElements stores one update for each index (Scatter, ScatterElements).
type scatterElements struct {
	axis int
	r    reduction
}

func scatterElementsNew(a *op.Args) (op.Op, error) {
	return &scatterElements{a.Int("axis", 0), reductionArg(a)}, nil
}

var (
	scatterDef         = &op.Def{Name: "Scatter", New: scatterElementsNew}
	scatterElementsDef = &op.Def{Name: "ScatterElements", New: scatterElementsNew}
)

func (*scatterElements) Overwrites(int) []int { return []int{0} }

func (o *scatterElements) Infer(c *op.Infer) error {
	s, ix, u := c.Shape(0), c.Shape(1), c.Shape(2)
	c.Out(0, c.Type(0), s)
	if s == nil {
		return nil
	}
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	if s.Known() && ix.Known() && u.Known() {
		return o.check(s.Ints(), ix.Ints(), u.Ints(), axis)
	}
	return nil
}

func (o *scatterElements) check(s, ix, u []int, axis int) error {
	if !tensor.SameShape(ix, u) {
		return fmt.Errorf("indices %v and updates %v must have one shape", ix, u)
	}
	return checkInside(s, ix, axis)
}

func (o *scatterElements) Eval(e *op.Eval) error {
	x, ix, u := e.In(0), e.In(1), e.In(2)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	if err := o.check(x.Shape(), ix.Shape(), u.Shape(), axis); err != nil {
		return err
	}
	by, d := op.Strides(x.Shape())[axis], x.Shape()[axis]
	return scatter(e, o.r, x, u, func(s *scatterer) error {
		return elements(x.Shape(), ix.Shape(), axis, func(k, at int) error {
			i, err := index(ix.IntAt(k), d)
			if err != nil {
				return err
			}
			s.put(at+i*by, k, 1)
			return nil
		})
	})
}

// scatterND stores slices of updates at tuples of indices.
type scatterND struct{ r reduction }

var scatterNDDef = &op.Def{Name: "ScatterND", New: func(a *op.Args) (op.Op, error) {
	return &scatterND{reductionArg(a)}, nil
}}

func (*scatterND) Overwrites(int) []int { return []int{0} }

// check returns the length of a tuple, -1 if it is not known.
func (o *scatterND) check(s, ix, u graph.Shape) (int, error) {
	if len(s) == 0 || len(ix) == 0 {
		return 0, fmt.Errorf("data %v and indices %v must have at least one axis", s, ix)
	}
	k := ix[len(ix)-1]
	if !k.Known() {
		return -1, nil
	}
	if k.N > len(s) {
		return 0, fmt.Errorf("tuples of %d indices for data %v", k.N, s)
	}
	want := append(append(graph.Shape{}, ix[:len(ix)-1]...), s[k.N:]...)
	bad := len(want) != len(u)
	for i := 0; !bad && i < len(u); i++ {
		bad = want[i].Known() && u[i].Known() && want[i] != u[i]
	}
	if bad {
		return 0, fmt.Errorf("updates are %v, must be %v for data %v and indices %v", u, want, s, ix)
	}
	return k.N, nil
}

func (o *scatterND) Infer(c *op.Infer) error {
	s, ix, u := c.Shape(0), c.Shape(1), c.Shape(2)
	c.Out(0, c.Type(0), s)
	if s == nil || ix == nil || u == nil {
		return nil
	}
	_, err := o.check(s, ix, u)
	return err
}

func (o *scatterND) Eval(e *op.Eval) error {
	x, ix, u := e.In(0), e.In(1), e.In(2)
	k, err := o.check(graph.Dims(x.Shape()...), graph.Dims(ix.Shape()...), graph.Dims(u.Shape()...))
	if err != nil {
		return err
	}
	st := op.Strides(x.Shape())
	return scatter(e, o.r, x, u, func(s *scatterer) error {
		n := op.Prod(x.Shape()[k:])
		for t := range op.Prod(ix.Shape()[:ix.Rank()-1]) {
			at := 0
			for j := range k {
				i, err := index(ix.IntAt(t*k+j), x.Shape()[j])
				if err != nil {
					return err
				}
				at += i * st[j]
			}
			s.put(at, t*n, n)
		}
		return nil
	})
}

// tensorScatter writes update into a cache along axis, from an index of its own for each batch.
type tensorScatter struct {
	axis     int
	circular bool
}

var tensorScatterDef = &op.Def{Name: "TensorScatter", New: func(a *op.Args) (op.Op, error) {
	return &tensorScatter{a.Int("axis", -2), a.OneOf("mode", "linear", "linear", "circular") == "circular"}, nil
}}

func (*tensorScatter) Overwrites(int) []int { return []int{0} }

func (o *tensorScatter) check(s, u graph.Shape) (int, error) {
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return 0, err
	}
	bad := axis == 0 || len(s) != len(u)
	for i := 0; !bad && i < len(s); i++ {
		bad = s[i].Known() && u[i].Known() && (i == axis && u[i].N > s[i].N || i != axis && u[i] != s[i])
	}
	if bad {
		return 0, fmt.Errorf("update %v does not fit the cache %v along axis %d, which can't be the batch", u, s, o.axis)
	}
	return axis, nil
}

func (o *tensorScatter) Infer(c *op.Infer) error {
	s, u := c.Shape(0), c.Shape(1)
	c.Out(0, c.Type(0), s)
	if s == nil || u == nil {
		return nil
	}
	_, err := o.check(s, u)
	return err
}

func (o *tensorScatter) Eval(e *op.Eval) error {
	x, u, at := e.In(0), e.In(1), e.Ints(2)
	s := x.Shape()
	axis, err := o.check(graph.Dims(s...), graph.Dims(u.Shape()...))
	if err != nil {
		return err
	}
	if at == nil {
		at = make([]int64, s[0])
	}
	if len(at) != s[0] {
		return fmt.Errorf("%d write_indices for a batch of %d", len(at), s[0])
	}
	size, n := s[axis], u.Shape()[axis]
	for _, v := range at {
		if v < 0 || !o.circular && v > int64(size-n) {
			return fmt.Errorf("write index %d is out of range for %d places of an axis of length %d", v, n, size)
		}
	}
	return scatter(e, "none", x, u, func(sc *scatterer) error {
		inner := op.Prod(s[axis+1:])
		per := op.Prod(s[1:axis])
		for p := range s[0] * per {
			first := int(at[p/per] % int64(size))
			head := min(n, size-first)
			sc.put((p*size+first)*inner, p*n*inner, head*inner)
			sc.put(p*size*inner, (p*n+head)*inner, (n-head)*inner)
		}
		return nil
	})
}
