//go:build !linux

package kerneltest

import "testing"

func guarded(t testing.TB, size int, front bool) []byte { return make([]byte, size) }
