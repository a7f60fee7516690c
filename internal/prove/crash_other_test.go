//go:build prove && !linux

package prove

import "testing"

func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Fatal("the proofs that kill servers need Linux, whose /proc tells their processes")
}
