package export

import "fmt"

// readme tells a stranger what the bag is and how to check it.
func readme(g *bagging) string {
	return fmt.Sprintf(`Evidence of %d events, exported from an Afterimage log.
`, g.digest.n)
}
