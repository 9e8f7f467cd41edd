//go:build !(amd64 || arm64) || purego

package conv

// tapsFast says that there is no assembly here.
func tapsFast(*tapArgs) bool { return false }

// packFast says that there is no assembly here.
func packFast(*packArgs) bool { return false }

// splitFast says that there is no assembly here.
func splitFast(*splitArgs) bool { return false }
