package store

// FoldOften makes the store fold its log, and begin it anew, all the time. It is
// for a store that nobody has written to yet.
func FoldOften(s *Store) {
	s.engine.fold.foldLimits = foldLimits{every: 20, log: 100, rest: 30, force: 400}
}
