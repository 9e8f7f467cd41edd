package mem

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMap(t *testing.T) {
	start := Total()
	for _, n := range []int{0, 1, mapFrom - 1, mapFrom, mapFrom + 1, 1 << 20} {
		want := bytes.Repeat([]byte("walnut"), n/6+1)[:n]
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, want)
		s, err := Map(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Bytes(), want) || s.Mapped() != (n >= mapFrom) || s.Name() != path {
			t.Errorf("%d bytes: got %d, mapped %v, name %s", n, len(s.Bytes()), s.Mapped(), s.Name())
		}
		part := FromBytes("part", []byte("part"))
		s.Attach(part)
		u := s.Size()
		if u.Sources != 2 || u.Mapped+u.Heap != int64(n)+4 {
			t.Errorf("size %+v", u)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if s.Bytes() != nil || part.Bytes() != nil {
			t.Error("bytes are there after Close")
		}
	}
	if got := Total(); got != start {
		t.Errorf("%+v is left, %+v was there", got, start)
	}
}

func TestMapRefuses(t *testing.T) {
	if _, err := Map(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Map(t.TempDir()); err == nil {
		t.Error("a folder was mapped")
	}
}

func TestMapBeneath(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model")
	write(t, filepath.Join(model, "ok"), []byte("ok"))
	write(t, filepath.Join(model, "sub", "ok"), []byte("ok"))
	write(t, filepath.Join(model, "sub", "deep", "ok"), []byte("ok"))
	write(t, filepath.Join(dir, "secret"), []byte("secret"))
	write(t, filepath.Join(dir, "other", "secret"), []byte("secret"))
	write(t, filepath.Join(model, "twin"), []byte("twin"))
	type test struct {
		rel  string
		want error // nil: it is read
	}
	tests := []test{
		{"ok", nil}, {"sub/ok", nil}, {"sub/deep/ok", nil},
		{"missing", os.ErrNotExist}, {"sub/missing/ok", os.ErrNotExist},
		{"sub", ErrNotRegular},
	}
	link := func(old, name string) bool { return os.Symlink(old, filepath.Join(model, name)) == nil }
	if link("ok", "final") && link("sub", "parent") && link(filepath.Join(dir, "secret"), "out") && link("../other", "up") && link("loop", "loop") {
		tests = append(tests, test{"final", ErrLink}, test{"parent/ok", ErrLink}, test{"out", ErrLink}, test{"up/secret", ErrLink},
			test{"loop", ErrLink}, test{"parent/deep/ok", ErrLink})
	} else {
		t.Log("no symbolic links here")
	}
	if os.Link(filepath.Join(model, "twin"), filepath.Join(dir, "twin2")) == nil {
		tests = append(tests, test{"twin", ErrLink})
	}
	if makeFIFO(filepath.Join(model, "fifo")) == nil {
		tests = append(tests, test{"fifo", ErrNotRegular})
	}
	for _, tt := range tests {
		s, err := MapBeneath(model, tt.rel)
		switch {
		case tt.want == nil && err != nil:
			t.Errorf("%s: %v", tt.rel, err)
		case tt.want == nil:
			if string(s.Bytes()) != "ok" {
				t.Errorf("%s: read %q", tt.rel, s.Bytes())
			}
			s.Close()
		case err == nil:
			t.Errorf("%s: was read: %q", tt.rel, s.Bytes())
		case !errors.Is(err, tt.want) && runtime.GOOS != "windows":
			t.Errorf("%s: error %v, want %v", tt.rel, err, tt.want)
		}
	}
	for _, rel := range []string{"..", "../secret", "sub/../../secret", "sub/../ok/.."} {
		if s, err := MapBeneath(model, rel); err == nil && strings.Contains(string(s.Bytes()), "secret") {
			t.Errorf("%s: was read", rel)
		}
	}
}

// A file that is cut short under its mapping must give an error, not end the process.
func TestGuard(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("the system does not let mapped files be cut")
	}
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, make([]byte, 1<<20))
	s, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	sum := 0
	err = Guard(func() error {
		for _, c := range s.Bytes() {
			sum += int(c)
		}
		return nil
	})
	if !errors.Is(err, ErrFault) {
		t.Errorf("got %v", err)
	}
	want := errors.New("other")
	if err := Guard(func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic was lost")
		}
	}()
	Guard(func() error { panic("mistake") })
}
