//go:build !race

package certificate

// raced: the race detector is on, and what takes seconds takes minutes.
const raced = false
