package store

// FoldOften makes the store fold its log, and begin it anew, all the time. It is
// for a store that nobody has written to yet.
func FoldOften(s *Store) {
	s.engine.fold.foldLimits = foldLimits{every: 20, log: 100, rest: 30, force: 400}
}

// Recent returns what the end of the feed in memory knows; see [Store.FeedHeads].
func Recent(s *Store, after int64, limit int) (heads []Object, known bool) {
	heads, _, known = s.recent.after(after, limit)
	return heads, known
}

// MaxRecent is how many changes it holds.
const MaxRecent = maxRecent

// RoundTrips is how often the writer has waited for PostgreSQL.
func RoundTrips(tx *Tx) int { return tx.sql.(*postgresWriter).trips }
