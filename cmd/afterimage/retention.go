package main

type retentionCmd struct {
	Audit retentionAuditCmd `cmd:"" help:"Say what was kept, forgotten, held, erased and handed out, from the ledger alone."`
}
