package schema

import "testing"

// All lines parse, and the operators of the standard are all there.
func TestAll(t *testing.T) {
	want := map[string]int{"": 203, "ai.onnx.ml": 19, "ai.onnx.preview.training": 4, "ai.onnx.preview": 1}
	for d, n := range want {
		names := Names(d)
		if d == "" { // SimplifiedLayerNormalization is ONNX Runtime's
			n++
		}
		if len(names) != n {
			t.Errorf("domain %q has %d operators, want %d", d, len(names), n)
		}
		for _, name := range names {
			for _, s := range Versions(d, name) {
				for _, p := range append(s.Inputs, s.Outputs...) {
					if len(s.Types[p.Type]) == 0 && p.Type == "T" {
						t.Errorf("%s-%d: %s has no types", name, s.Since, p.Type)
					}
				}
			}
		}
	}
	s := Lookup("", "Split", 12)
	if s.Since != 11 || s.Attr("axis").Default.I != 0 || !s.Output(5).Variadic {
		t.Errorf("Split: %+v", s)
	}
}
