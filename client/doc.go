// Package client speaks to a store from Go: what the API has (docs/api.md), with
// Go's loops, times and errors. The command line uses it for all that it asks.
//
//	store, err := client.New(client.Config{Address: "127.0.0.1:8081"})
//	defer store.Close()
//	for found, err := range store.Search(ctx, "default", client.SearchRequest{Text: `"wire transfer" -refund`}) {
//		…
//	}
//
// What is always true:
//
//   - Errors of the store are *Error, to be decided on with errors.Is and the
//     names of its reasons: ErrNotFound, ErrErased, ErrInvalid, ErrUnavailable, …
//     What ended the context is context.Canceled or DeadlineExceeded.
//   - An answer that is cut off is an error, never a shorter answer: a loop that
//     ended without one has seen everything.
//   - Only calls that change nothing, or nothing when made twice, are tried again,
//     and only where the store gave no answer (Config.Tries).
//   - A loop that is left early ends its call. Nothing runs in the background but
//     gRPC's connection.
//   - What a message holds and which limits it keeps is said in the protos.
package client
