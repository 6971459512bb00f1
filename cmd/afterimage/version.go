package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
)

type versionCmd struct {
	format
}

// Help implements kong's HelpProvider.
func (versionCmd) Help() string {
	return `Prints the module's version, the commit it was built from and the Go release.

    afterimage version
    afterimage version -o json`
}

// buildVersion is what the Go tool recorded about this binary.
type buildVersion struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Time    string `json:"time,omitempty"`
	Dirty   bool   `json:"dirty,omitempty"`
	Go      string `json:"go"`
}

func readBuildVersion() buildVersion {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildVersion{Version: "unknown"}
	}
	v := buildVersion{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Dirty = s.Value == "true"
		}
	}
	return v
}

// Run prints the version.
func (c *versionCmd) Run(s streams) error {
	v := readBuildVersion()
	if c.json() {
		return json.NewEncoder(s.out).Encode(v)
	}
	_, err := fmt.Fprintf(s.out, "afterimage %s (%s)\n", v.Version, v.Go)
	return err
}
