//go:build unix

package mem

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func makeFIFO(path string) error { return unix.Mkfifo(path, 0o600) }

// The walk without openat2 must refuse what openat2 refuses.
func TestOpenStepwise(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sub", "ok"), []byte("ok"))
	for old, name := range map[string]string{"sub": "parent", "sub/ok": "final", "/": "root"} {
		if err := os.Symlink(old, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(at)
	fd, err := openStepwise(at, "sub/ok")
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	for _, rel := range []string{"parent/ok", "final", "root/etc/passwd", "../x", "sub/../sub/ok", "./sub/ok", "sub//ok", "", "/etc/passwd", "sub/ok/x", "missing"} {
		if fd, err := openStepwise(at, rel); err == nil {
			unix.Close(fd)
			t.Errorf("%q was opened", rel)
		}
	}
}
