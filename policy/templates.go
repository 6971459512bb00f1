package policy

import (
	"embed"
	"strings"
)

// A Template is a policy to start from.
type Template struct {
	Name    string
	Summary string // one sentence
	Source  string // a document, with where it comes from in comments
}

//go:embed templates
var templateFiles embed.FS

// Templates returns the policies to start from, the plainest first. Each can be put in
// force as it stands; who reviewed it, and by when it is reviewed again, is left to
// whoever puts it in force, and warned of.
func Templates() []Template {
	templates := make([]Template, 0, 3)
	for _, name := range []string{"internal", "gdpr", "eu-ai-act"} {
		source, err := templateFiles.ReadFile("templates/" + name + ".yaml")
		if err != nil {
			panic("internal error: policy template: " + err.Error())
		}
		first, _, _ := strings.Cut(string(source), "\n")
		templates = append(templates, Template{name, strings.TrimPrefix(first, "# "), string(source)})
	}
	return templates
}
