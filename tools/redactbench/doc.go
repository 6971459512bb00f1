// Package redactbench measures redaction beside what else is at hand for the
// same: Go's regexp with a pattern for each kind of value, one by one, and
// gitleaks' detector as a library, on the same turns and on one core.
//
//	AFTERIMAGE_SHARED=… go test -bench . -v ./...
//
// It is a module of its own, so that what it compares with is no dependency of
// the product nor of its other tools. Speed is by the clock (MB/s) and by
// processor time (MB/cpu-s), which other work on the machine disturbs less.
package redactbench
