package store

// selection is one page of a list, as the index has it.
type selection struct {
	born  []int64 // in order
	total int
	at    int64 // the moment
	dense bool  // there is not much between the first and the last
}

// page selects what q asks for.
func (x *index) page(q ListQuery) selection {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := selection{at: x.at}
	s := x.kinds[q.Kind]
	if s == nil {
		return out
	}
	f := x.filter(q, s)
	start := 0
	if q.AfterBorn != 0 {
		i, found := s.find(q.AfterBorn)
		if found {
			i++
		}
		start = i
	}
	limit := q.Limit
	if limit <= 0 {
		limit = len(s.entries)
	}
	skip := max(0, q.Offset)
	if f.all && s.gone == 0 {
		start, skip = min(start+skip, len(s.entries)), 0 // a place is a number
	}
	for i := start; i < len(s.entries) && len(out.born) < limit; i++ {
		e := &s.entries[i]
		if !f.takes(e) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		out.born = append(out.born, e.born)
	}
	out.total = f.total(s)
	if n := len(out.born); n > 0 {
		out.dense = x.between(out.born[0], out.born[n-1]) <= mostBetween(n)
	}
	return out
}

// between counts the objects of all kinds from one row to another, those that are
// deleted left out.
func (x *index) between(first, last int64) (n int) {
	for _, s := range x.kinds {
		from, _ := s.find(first)
		to, _ := s.find(last + 1)
		n += to - from
	}
	return n
}

// filter is what q asks for in terms of the index.
type filter struct {
	owners   []bool // by number; nil: all
	audience uint32
	private  bool // only entries for everybody or for audience
	from, to int64
	all      bool // takes every entry that is there
}

func (x *index) filter(q ListQuery, s *shelf) filter {
	f := filter{from: q.From, to: q.To}
	if q.Owners != nil {
		f.owners = make([]bool, len(x.owners))
		for _, o := range q.Owners {
			if n, ok := x.owners[o]; ok {
				f.owners[n] = true
			}
		}
	}
	if q.Audience != "" && s.private > 0 {
		f.private = true
		f.audience = x.audiences[q.Audience] // 0 when nothing is for it
	}
	f.all = f.owners == nil && !f.private && f.from == 0 && f.to == 0
	return f
}

func (f *filter) takes(e *entry) bool {
	switch {
	case e.audience == gone,
		f.owners != nil && !f.owners[e.owner],
		f.private && e.audience != 0 && e.audience != f.audience,
		f.from != 0 && e.updated < f.from,
		f.to != 0 && e.updated >= f.to:
		return false
	}
	return true
}

// total counts what the filter takes: by owner from the counters, else by
// looking at each entry.
func (f *filter) total(s *shelf) (n int) {
	switch {
	case f.all:
		return len(s.entries) - s.gone
	case !f.private && f.from == 0 && f.to == 0:
		for owner, count := range s.owned {
			if f.owners[owner] {
				n += count
			}
		}
		return n
	}
	for i := range s.entries {
		if f.takes(&s.entries[i]) {
			n++
		}
	}
	return n
}
