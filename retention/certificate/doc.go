// Package certificate makes and verifies certificates of deletion: signed
// statements of what a store forgot, when, for whom and why, which anybody can
// check without the store.
package certificate
