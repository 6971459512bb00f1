//go:build !race

package retention_test

// raced: see race_test.go.
const raced = false
