package isa

import "testing"

func TestChoose(t *testing.T) {
	cpu := []Level{Generic, AVX2, AVX512}
	for _, c := range []struct {
		name string
		want Level
		ok   bool
	}{
		{"", AVX512, true}, {"generic", Generic, true}, {"AVX2", AVX2, true}, {"avx512", AVX512, true},
		{"vnni", AVX512, false}, {"avxvnni", AVX512, false}, {"neon", AVX512, false}, {"mmx", AVX512, false},
	} {
		l, err := choose(c.name, cpu)
		if l != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %v, %v", c.name, l, err)
		}
	}
}

func TestNamesAndOrder(t *testing.T) {
	for l := Level(0); l < levels; l++ {
		if got, err := Parse(l.String()); err != nil || got != l {
			t.Errorf("%v: %v, %v", l, got, err)
		}
		if !l.Includes(l) || !l.Includes(Generic) {
			t.Errorf("%v does not include itself and generic", l)
		}
	}
	if AVX512.Includes(AVXVNNI) || !AVX512VNNI.Includes(AVX2) || AVX2.Includes(AVX512) || AVX2.Includes(NEON) {
		t.Error("order of levels")
	}
	if Level(200).Includes(AVX2) || Level(200).String() == "" {
		t.Error("a level out of range")
	}
}

func TestForce(t *testing.T) {
	before := Best()
	for _, l := range Supported() {
		restore, err := Force(l)
		if err != nil || Best() != l {
			t.Fatalf("%v: %v", l, err)
		}
		restore()
	}
	if Best() != before {
		t.Error("not restored")
	}
	if _, err := Force(levels - 1); err == nil && Supported()[len(Supported())-1] != levels-1 {
		t.Error("a level that the CPU lacks was forced")
	}
	t.Logf("supported %v, best %v, override error %v", Supported(), Best(), Err())
}
