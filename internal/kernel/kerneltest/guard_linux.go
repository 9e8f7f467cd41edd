package kerneltest

import (
	"syscall"
	"testing"
)

// guarded maps size bytes with an inaccessible page on both sides.
func guarded(t testing.TB, size int, front bool) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	data := (size + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, data+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, g := range [][]byte{m[:page], m[page+data:]} {
		if err := syscall.Mprotect(g, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if front {
		return m[page : page+size : page+size]
	}
	return m[page+data-size : page+data : page+data]
}
