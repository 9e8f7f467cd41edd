//go:build race

package testutil

// Race says that the race detector is on: pools then drop what is put into
// them at random, so allocations can't be counted.
const Race = true
