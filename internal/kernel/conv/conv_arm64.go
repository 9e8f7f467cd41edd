//go:build !purego

package conv

import "github.com/walnut-ai/walnut/internal/kernel/isa"

// tapsFast runs the assembly for the current level; false means that there is none.
func tapsFast(p *tapArgs) bool {
	if !isa.Best().Includes(isa.NEON) {
		return false
	}
	convTapsF32NEON(p)
	return true
}

// packFast says that there is no assembly here.
func packFast(*packArgs) bool { return false }

// splitFast says that there is no assembly here.
func splitFast(*splitArgs) bool { return false }
