// Package query finds evidence and shows it again: search, point reads,
// replay of sessions and what lies beside them, and what is quarantined. Go in,
// Go out: no transport.
//
//	engine := query.New(query.Config{Log: log})
//	page, err := engine.Search(ctx, tenant, query.Request{Filter: `user == "alice@example.com"`})
//	counts, err := engine.Aggregate(ctx, tenant, query.AggregateRequest{Population: query.Population{GroupBy: []string{"day"}}})
//	for frame, err := range engine.Replay(ctx, tenant, "c-17", query.Options{View: pb.View_USER}) { … }
//
// What is always true:
//
//   - Every answer is one tenant's. A page token of one tenant, filter, range
//     or order is refused with another (invariant 8).
//   - A page token names a place in an order, not a count: what is appended
//     meanwhile neither repeats nor hides an event on later pages.
//   - A replay with view BOTH shows every text that the session's events
//     carry and no other. A call repeats its conversation so far; what was
//     shown already is not shown again, but a text that was not is never
//     held back, however the history was cut or edited.
//   - The frames of a replay come in the order of their offsets. A difference
//     that a frame marks covers its text to the last byte, and only view BOTH
//     has any.
//   - As of a position a replay is what it was when the log had no more, but
//     for what was redacted or forgotten since.
//   - Counts and estimates are of the events that there are at one position of the
//     log, read no text, and say what they leave out. An estimate says how it was
//     made and never rests on an assumption that it does not name (package
//     estimate).
//   - A page is bounded in events and in bytes, as are groups, texts and clusters;
//     a replay holds one stretch of a session in memory, an analysis takes a bounded
//     part of it or is refused, and reading writes nothing (invariant 9).
package query
