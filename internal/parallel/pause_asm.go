//go:build (amd64 || arm64) && !purego

package parallel

// pause executes the processor's spin-wait hint n times; n is at least 1.
//
//go:noescape
func pause(n uint32)
