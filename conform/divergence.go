package conform

// Divergences are the ids whose departure from the specification eroam decided
// on and documents in docs/divergences.md, with the reason.
func Divergences() map[string]string {
	return map[string]string{
		"F17": "a receiver that was away gets each changed object once, in its present state, when it is back; see docs/divergences.md",
	}
}
