//go:build race

package retention_test

// raced: with the race detector Pebble checks itself all the time, and a simulated
// day takes ten times as long.
const raced = true
