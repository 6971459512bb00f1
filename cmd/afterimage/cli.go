package main

const description = `The flight recorder for AI incidents: keeps what users saw, finds it and replays it.

Start with "afterimage demo". Each command explains itself: afterimage COMMAND --help.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 verification found tampering.`

// cli is the grammar of the command line. Each command lives in a file of its own.
type cli struct {
	Serve      serveCmd      `cmd:"" help:"Run the recorder: NATS, log and API in one process."`
	Demo       demoCmd       `cmd:"" help:"See it work: serve in a fresh directory, publish a sample, search and replay it."`
	Publish    publishCmd    `cmd:"" help:"Publish events from NDJSON files."`
	Search     searchCmd     `cmd:"" help:"Find events."`
	Similar    similarCmd    `cmd:"" help:"Find the variants of a text, or clusters of events that say nearly the same."`
	Replay     replayCmd     `cmd:"" help:"Show a session as the user lived it."`
	Aggregate  aggregateCmd  `cmd:"" help:"Count events, sessions and people, by group."`
	Estimate   estimateCmd   `cmd:"" help:"Estimate how many events, sessions and people there were, from what was sampled."`
	Export     exportCmd     `cmd:"" help:"Hand evidence over, as a package that stands up without this program."`
	Verify     verifyCmd     `cmd:"" help:"Check that nothing in a log was changed."`
	Prove      proveCmd      `cmd:"" help:"Prove to others that an event is in the log."`
	Backup     backupCmd     `cmd:"" help:"Copy the log into a directory, while it serves."`
	Restore    restoreCmd    `cmd:"" help:"Put a backup in place, and forget again what was forgotten since."`
	Rebuild    rebuildCmd    `cmd:"" help:"Make indexes and tiles again from what was recorded."`
	Policy     policyCmd     `cmd:"" help:"Write, check, try out and apply policies; show the one in force."`
	Hold       holdCmd       `cmd:"" help:"Keep what a case needs: place, extend, release and list holds."`
	Erase      eraseCmd      `cmd:"" help:"Erase what is stored of a person, on record."`
	Retention  retentionCmd  `cmd:"" help:"See what is kept until when and what is forgotten; have it certified."`
	Redact     redactCmd     `cmd:"" help:"Take personal data and secrets out of text, or measure how well that works."`
	Keys       keysCmd       `cmd:"" help:"Show, protect or rotate the keys that everything hangs on."`
	Escrow     escrowCmd     `cmd:"" help:"Make the keys of escrow, or open originals that redaction sealed."`
	Quarantine quarantineCmd `cmd:"" help:"Show what could not be stored as it came."`
	Witness    witnessCmd    `cmd:"" help:"Be a witness: cosign the checkpoints of logs that only grow."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// A format is what -o takes.
type format struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print: table, for people, or json, for programs."`
}

func (f format) json() bool { return f.Output == "json" }

// A storeFlag is how a command reaches the store.
type storeFlag struct {
	Server string `default:"127.0.0.1:8081" env:"AFTERIMAGE_SERVER" placeholder:"ADDR" help:"The store's gRPC address (default ${default})."`
}

// A tenantFlag says whose events.
type tenantFlag struct {
	Tenant string `default:"default" env:"AFTERIMAGE_TENANT" placeholder:"NAME" help:"Whose events (default \"${default}\")."`
}
