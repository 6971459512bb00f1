// Package server is every door of the store: gRPC, HTTP with JSON, the log's
// tiles, health and metrics.
//
//	web, err := server.Listen(ctx, "127.0.0.1:8080")   // refuses what is not loopback
//	s, err := server.New(server.Config{HTTP: web, Log: log, Query: engine, …})
//	err = s.Run(ctx)                                   // until ctx ends
//
// What is always true:
//
//   - It listens on loopback addresses only. Access control does not exist
//     yet, so whoever reaches a port can read all evidence. For the same
//     reason it answers only requests that name a loopback host, and none
//     that a browser sends on behalf of another site.
//   - HTTP requests are translated to gRPC calls on the same services: one
//     set of interceptors, one table from errors to status (status.go). Calls
//     that read and answer with one message run in the request's goroutine,
//     the others take an in-memory connection (inner.go).
//   - Handlers translate and call; they decide nothing about evidence.
//   - Nothing of a publish request is stored if any event of it is invalid,
//     and what a request says that is not understood (a JSON field, a query
//     parameter, a content type) is refused by name, never dropped.
//   - What went wrong inside is logged under a request id and not told.
//   - Request sizes, response sizes, times and connections are bounded, and
//     so are the memory of requests that are decoded, and how many searches
//     and verifications run at a time (invariant 9). A replay at
//     its original pace lasts as long as the session did, or until its reader
//     or the server leaves.
//   - A panic in a call that only reads is an internal error of that call; one
//     while publishing, or while changing what is kept, ends the process.
//
// # Reasons
//
// Every error status carries a google.rpc.ErrorInfo with domain `afterimage`
// and one of these reasons, of which docs/api.md says what to do:
//
//	INVALID_EVENT     an event does not hold to the contract; with field violations
//	INVALID_FILTER    a condition is malformed; with its position
//	INVALID_POLICY    a policy document is wrong; with a violation for each problem and its position
//	INVALID_REQUEST   another field of the request cannot be as it is
//	NOT_FOUND         there is no such thing, or it is another tenant's
//	ERASED            it was forgotten; its commitment remains
//	TOO_LARGE         a request, event or session is over a limit
//	BUSY              too much is asked for at once; the same may be sent again
//	NOT_READY         an export is not done, or ended without a result
//	EXPIRED           an export was done too long ago to be downloaded
//	CHANGED           evidence of an export was forgotten or redacted since
//	OTHER_BYTES       what is there of an export is not what would be sent now
//	UNKNOWN_PERSON    nothing is stored of the person, under this name
//	HELD              a hold claims it
//	NOT_OWNER         only owners of a hold extend and release it
//	RELEASED          the hold was released
//	RETENTION_STOPPED nothing expires until somebody confirms what the store doubts
//	STALE             another policy is in force than the one that was to be replaced
//	PROMISED          the policy in force promises more than the one that was to replace it
//	NO_BACKUPS        the store was not told where backups may go
//	ANALYSER_UNAVAILABLE  the analyser that the policy names does not answer
//	DISK_FULL         there is no room to store anything
//	UNAVAILABLE       the store is closing, or the stream does not answer
//	TAMPERED          stored bytes are not what was written
//	CANCELLED         the caller went away
//	DEADLINE          it took too long
//	REFUSED           the request came by way of a browser from another site
//	UNIMPLEMENTED     there is no such method
//	INTERNAL          anything else; `metadata.request` is what to look for in the logs
package server
