package main

type retentionCmd struct {
	Status      retentionStatusCmd      `cmd:"" default:"1" help:"Say whether anything keeps the store from expiring, and what is due."`
	Run         retentionRunCmd         `cmd:"" help:"Expire now what is due; the store does it by itself every hour."`
	Confirm     retentionConfirmCmd     `cmd:"" help:"Vouch for what the store doubts, so that expiry goes on."`
	Erasures    retentionErasuresCmd    `cmd:"" help:"List erasures, or print one, with what of it is owed."`
	Certificate retentionCertificateCmd `cmd:"" help:"Fetch the signed certificate of an erasure or of a run of expiry."`
	Audit       retentionAuditCmd       `cmd:"" help:"Say what was kept, forgotten, held, erased and handed out, from the ledger alone."`
}
