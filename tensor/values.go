package tensor

import "fmt"

// Sequence is ONNX's ordered list of values of one type.
type Sequence struct {
	// Elem is the element type of the tensors in it, where it is known; an
	// empty sequence has nothing else to tell it by.
	Elem  DType
	Items []Value
}

// Map is ONNX's map from integers or strings to values. Keys holds the keys in
// their order, a tensor of rank 1 (int64 or string); Values is a tensor of the
// same length, or a sequence.
type Map struct {
	Keys   *Tensor
	Values Value
}

// Optional holds a value or nothing.
type Optional struct{ Value Value }

func (*Sequence) value() {}
func (*Map) value()      {}
func (*Optional) value() {}

// Describe returns type and shape of v in words, for messages and summaries.
func Describe(v Value) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case *Tensor:
		return v.String()
	case *Sequence:
		return fmt.Sprintf("sequence of %d", len(v.Items))
	case *Map:
		if v.Keys == nil {
			return "empty map"
		}
		return fmt.Sprintf("map of %d", v.Keys.Len())
	case *Optional:
		if v.Value == nil {
			return "empty optional"
		}
		return "optional " + Describe(v.Value)
	}
	return fmt.Sprintf("%T", v)
}

// CloneValue returns a deep copy of v.
func CloneValue(v Value) Value {
	switch v := v.(type) {
	case *Tensor:
		return v.Clone()
	case *Sequence:
		s := &Sequence{Elem: v.Elem, Items: make([]Value, len(v.Items))}
		for i, x := range v.Items {
			s.Items[i] = CloneValue(x)
		}
		return s
	case *Map:
		m := &Map{Values: CloneValue(v.Values)}
		if v.Keys != nil {
			m.Keys = v.Keys.Clone()
		}
		return m
	case *Optional:
		if v.Value == nil {
			return &Optional{}
		}
		return &Optional{Value: CloneValue(v.Value)}
	}
	return nil
}
