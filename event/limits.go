package event

// Limits bounds what is decoded. Zero fields take the defaults.
type Limits struct {
	EventBytes  int // bytes of one encoded event, JSON or protobuf; 0: DefaultEventBytes
	BatchBytes  int // bytes of one batch before compression; 0: DefaultBatchBytes
	BatchEvents int // events of one batch; 0: DefaultBatchEvents
}

// The default limits.
const (
	DefaultEventBytes  = 1 << 20
	DefaultBatchBytes  = 4 << 20
	DefaultBatchEvents = 4096
)

// Lengths of strings, in characters (Unicode code points).
const (
	MaxID   = 64    // event ids and targets
	MaxName = 256   // names, versions, categories, sessions, users, ids of others
	MaxURI  = 2_048 // blob.uri, document.uri
)

// MaxCiphertext is how many bytes one sealed original may have. It leaves room
// around the 64 KiB that package redaction/escrow seals at most.
const MaxCiphertext = 72 << 10

// Numbers of elements.
const (
	MaxMessages   = 4_096  // of each of input, output and shown
	MaxParts      = 4_096  // of a message
	MaxDocuments  = 4_096  // of retrieved
	MaxDeltas     = 32_768 // of an interaction
	MaxVerdicts   = 1_024  // of an interaction
	MaxRedactions = 1_024  // of a capture
	MaxEscrow     = 1_024  // of a capture: sealed originals
	MaxStop       = 64     // of parameters
	MaxStrata     = 1_024  // of a coverage
	MaxPositions  = 32_768 // of a forgotten: ranges of them
	MaxBlocks     = 16_384 // of a forgotten
	MaxReplaced   = 1_024  // of a redacted: events
	MaxDetectors  = 1_024  // of a redacted

	MaxExportedSessions = 100   // of an exported
	MaxNamed            = 100   // sessions or users of a hold's scope
	MaxOwners           = 16    // of a hold; and approvals of a policy
	MaxKept             = 4_096 // of a forgotten, a counted and a promoted: entries by class and day
	MaxQuarantined      = 4_096 // of a forgotten and of an erasure
	MaxDeferrals        = 1_024 // of an erasure
	MaxClaims           = 256   // of a deferral: holds; and of an erasure: exports
	MaxGaps             = 1_024 // of a counted
)

// Bounds on nested messages keep a few encoded bytes from becoming many in
// memory: an empty part takes two bytes on the wire and a hundred in Go.
const (
	MaxElements      = 65_536  // nested messages of one event
	MaxBatchElements = 524_288 // nested messages of one batch
)

// maxViolations bounds how much is said about one hopeless batch.
const maxViolations = 1_000

func (l Limits) withDefaults() Limits {
	if l.EventBytes <= 0 {
		l.EventBytes = DefaultEventBytes
	}
	if l.BatchBytes <= 0 {
		l.BatchBytes = DefaultBatchBytes
	}
	if l.BatchEvents <= 0 {
		l.BatchEvents = DefaultBatchEvents
	}
	return l
}
