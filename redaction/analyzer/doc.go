// Package analyzer asks a remote analyser for what only a model of language
// can find: names of people, places and organisations. It speaks the REST API
// of Microsoft Presidio's analyzer, POST /analyze, as its OpenAPI document
// (docs/api-docs/api-docs.yml) and server (presidio-analyzer/app.py) have it.
//
//	c, err := analyzer.New(analyzer.Config{URL: "https://presidio.internal"})
//	spans, err := c.Analyze(ctx, texts) // one slice of spans for each text
//
// # The wire
//
// A request is {"text", "language", "entities", "score_threshold"}. Presidio
// 2.2.361 and later take a list as text and answer with a list of lists.
// Earlier ones answer a list with status 500 (spaCy: "expected a string") or
// 400: these get one request for each text, see [Batch]. An empty text is an
// error to them ("No text provided") and is never sent.
//
// Results are {"entity_type", "start", "end", "score"} and more that is not
// looked at. Offsets count the code points of a Python str, neither bytes nor
// UTF-16; spans of this package count bytes. Errors are {"error": "…"} with
// 400 or 500, and both may quote the text, so they are not passed on.
//
// # What to know about the server
//
//   - An entity that it has no recogniser for is passed over with a warning in
//     its own log, so a typing error would silently find nothing:
//     [Client.Check] asks for what it supports.
//   - With its default configuration spaCy's ORGANIZATION is ignored.
//   - It serves plain HTTP without authentication: put TLS before it.
//   - LOG_DECISION_PROCESS makes it log texts.
//   - spaCy refuses texts over 1,000,000 characters.
//
// # Invariants
//
//   - Invariant 3: it fails closed. What is not a complete, well-formed
//     answer about every text is an error: a malformed span is never skipped.
//   - Every span lies inside its text, is not empty, and begins and ends on
//     the border of a code point.
//   - Errors never quote a text, nor anything that the server sent, which
//     might quote one. They hold fixed words, statuses, indexes and sizes.
//   - Texts leave the machine only through TLS, and only to the configured
//     host: redirects are not followed.
//   - A call is over after Config.Timeout and leaves no goroutine but those of
//     idle connections, which Close ends.
package analyzer
