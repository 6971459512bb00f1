package eventlog

// KeepBeside durably keeps content, sealed, beside the keys, under a name of small
// letters, instead of what is there under it: after a crash there is either. No
// restore takes it back. It may have 64 MiB. keyring.ErrWrongKeys where it does not
// open.
func (l *Log) KeepBeside(name string, content []byte) error { return l.ring.KeepBeside(name, content) }

// Beside returns what is kept beside the keys under a name; nil if nothing is.
// keyring.ErrWrongKeys, with what to do, where it is damaged.
func (l *Log) Beside(name string) ([]byte, error) { return l.ring.Beside(name) }
