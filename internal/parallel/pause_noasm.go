//go:build !(amd64 || arm64) || purego

package parallel

// pause passes a moment, about as long as n spin-wait hints.
//
//go:noinline
func pause(n uint32) {
	for range 16 * n {
	}
}
