package walnut

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// Session keeps the state of a model with recurrent inputs and outputs (hidden
// states, caches of keys and values) from one run to the next. Its methods may
// be called from several goroutines; runs of one session follow one another.
type Session struct {
	m     *Model
	pairs []pair
	mu    sync.Mutex
	state []tensor.Value // by pair; nil = initial
}

// pair is a state: output feeds input at the next run.
type pair struct{ output, input int }

// SessionOption changes how a session is made.
type SessionOption func(*sessionOptions)

type sessionOptions struct{ pairs map[string]string }

// WithState names the states of the model, from output to input, instead of
// finding them by their names.
func WithState(outputToInput map[string]string) SessionOption {
	return func(o *sessionOptions) { o.pairs = outputToInput }
}

// NewSession returns a session in its initial state. Without WithState the
// pairs are found by name: present* to past*, and names that agree but for a
// mark of newness (h to hn, state to stateN or new_state, x to x_out).
func (m *Model) NewSession(opts ...SessionOption) (*Session, error) {
	var o sessionOptions
	for _, f := range opts {
		f(&o)
	}
	s := &Session{m: m}
	var err error
	if o.pairs != nil {
		s.pairs, err = namedPairs(m, o.pairs)
	} else {
		s.pairs = foundPairs(m)
	}
	if err == nil && len(s.pairs) == 0 {
		err = fmt.Errorf("%s: no pairs of state inputs and outputs found; name them with WithState", m.m.Graph.Name)
	}
	s.state = make([]tensor.Value, len(s.pairs))
	return s, err
}

func namedPairs(m *Model, names map[string]string) ([]pair, error) {
	var l []pair
	g := m.m.Graph.Graph
	for out, in := range names {
		o, i := indexOf(g.Outputs, out), indexOf(g.Inputs, in)
		if o < 0 || i < 0 {
			return nil, fmt.Errorf("%s: %w: state %q -> %q: no such output or input", m.m.Graph.Name, ErrInput, out, in)
		}
		l = append(l, pair{o, i})
	}
	sort.Slice(l, func(a, b int) bool { return l[a].input < l[b].input })
	return l, nil
}

func indexOf(l []*graph.Value, name string) int {
	for i, v := range l {
		if v.Name == name {
			return i
		}
	}
	return -1
}

// stateNames returns the names of outputs that would carry input name's state.
func stateNames(name string) []string {
	l := []string{name + "n", name + "N", name + "_n", name + "_out", name + "_new", "new_" + name, "next_" + name, name + "_next", "output_" + name, name + "_1"}
	if strings.Contains(name, "past_key_values") {
		l = append(l, strings.Replace(name, "past_key_values", "present", 1), strings.Replace(name, "past_key_values", "present_key_values", 1))
	}
	for _, p := range []string{"past", "Past"} {
		if strings.Contains(name, p) {
			q := "present"
			if p == "Past" {
				q = "Present"
			}
			l = append(l, strings.Replace(name, p, q, 1))
		}
	}
	if strings.HasSuffix(name, "_in") {
		l = append(l, strings.TrimSuffix(name, "_in")+"_out")
	}
	if strings.HasPrefix(name, "in_") {
		l = append(l, "out_"+strings.TrimPrefix(name, "in_"))
	}
	if strings.HasSuffix(name, "0") { // h0 -> hn
		l = append(l, strings.TrimSuffix(name, "0")+"n")
	}
	return l
}

func foundPairs(m *Model) []pair {
	g := m.m.Graph.Graph
	var l []pair
	for i, v := range g.Inputs {
		if v.Type.Kind != graph.KindTensor {
			continue
		}
		for _, n := range stateNames(v.Name) {
			if o := indexOf(g.Outputs, n); o >= 0 && g.Outputs[o].Type.Elem == v.Type.Elem {
				l = append(l, pair{o, i})
				break
			}
		}
	}
	return l
}

// States returns the pairs in use, from output to input.
func (s *Session) States() map[string]string {
	m := map[string]string{}
	g := s.m.m.Graph.Graph
	for _, p := range s.pairs {
		m[g.Outputs[p.output].Name] = g.Inputs[p.input].Name
	}
	return m
}

// Run runs the model on in, with the session's state for the inputs that in
// lacks, and returns the outputs that are no state. The state moves on only if
// the run succeeds: after an error or a cancellation it is what it was.
func (s *Session) Run(ctx context.Context, in Values) (Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.m.m.Graph.Graph
	all := make(Values, len(in)+len(s.pairs))
	for k, v := range in {
		all[k] = v
	}
	for k, p := range s.pairs {
		v := g.Inputs[p.input]
		if _, given := in[v.Name]; given {
			continue
		}
		x := s.state[k]
		if x == nil {
			var err error
			if x, err = s.initial(v, in); err != nil {
				return nil, err
			}
		}
		all[v.Name] = x
	}
	out, err := s.m.Run(ctx, all)
	if err != nil {
		return nil, err
	}
	for k, p := range s.pairs {
		name := g.Outputs[p.output].Name
		s.set(k, out[name])
		delete(out, name)
	}
	return out, nil
}

// set replaces state k and keeps the model's counter.
func (s *Session) set(k int, v tensor.Value) {
	size := func(v tensor.Value) int64 {
		if t, ok := v.(*tensor.Tensor); ok && t != nil {
			return int64(len(t.Bytes()))
		}
		return 0
	}
	s.m.m.Stats.StateBytes.Add(size(v) - size(s.state[k]))
	s.state[k] = v
}

// initial returns zeros for state input v. Named dimensions take the size that
// the given inputs have for them; others are 0 in caches ("past") and 1 elsewhere.
func (s *Session) initial(v *graph.Value, in Values) (tensor.Value, error) {
	sizes := map[string]int{}
	for _, x := range s.m.m.Graph.Graph.Inputs {
		t, ok := in[x.Name].(*tensor.Tensor)
		if !ok || t.Rank() != len(x.Type.Shape) {
			continue
		}
		for a, d := range x.Type.Shape {
			if !d.Known() {
				sizes[d.Sym] = t.Shape()[a]
			}
		}
	}
	if v.Type.Shape == nil {
		return nil, fmt.Errorf("%s: %w: the shape of state input %q is not declared, give its first value", s.m.m.Graph.Name, ErrInput, v.Name)
	}
	dims := make([]int, len(v.Type.Shape))
	for a, d := range v.Type.Shape {
		n, ok := sizes[d.Sym]
		switch {
		case d.Known():
			dims[a] = d.N
		case ok:
			dims[a] = n
		case !strings.Contains(strings.ToLower(v.Name), "past"):
			dims[a] = 1
		}
	}
	return tensor.New(v.Type.Elem, dims...)
}

// State returns copies of the current states by input name; initial states are left out.
func (s *Session) State() Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Values{}
	for k, p := range s.pairs {
		if s.state[k] != nil {
			out[s.m.m.Graph.Graph.Inputs[p.input].Name] = tensor.CloneValue(s.state[k])
		}
	}
	return out
}

// SetState replaces states by input name; the values are copied.
func (s *Session) SetState(v Values) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.m.m.Graph.Graph
	used := 0
	for _, p := range s.pairs {
		if _, ok := v[g.Inputs[p.input].Name]; ok {
			used++
		}
	}
	if used < len(v) {
		return fmt.Errorf("%s: %w: %d values for states that the session does not have", s.m.m.Graph.Name, ErrInput, len(v)-used)
	}
	for k, p := range s.pairs {
		if x, ok := v[g.Inputs[p.input].Name]; ok {
			s.set(k, tensor.CloneValue(x))
		}
	}
	return nil
}

// Reset returns to the initial state. A session that is no longer needed is
// reset too, so that the model's memory counters forget its state.
func (s *Session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.state {
		s.set(k, nil)
	}
}
