//go:build !linux

package querytest

import "testing"

// Cool skips the benchmark: the page cache cannot be emptied here.
func (Store) Cool(b testing.TB) { b.Skip("the page cache can be emptied on Linux only") }
