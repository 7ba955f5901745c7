package quality

import "iter"

// shelf holds the places, each under a number. What points to a place from
// elsewhere does so by its number: a million pointers in a map are what makes
// collecting garbage slow, numbers are not looked at.
type shelf struct {
	places  []*place // by number; nil: free
	free    []uint32
	numbers map[key]uint32
}

// get returns the place with a key, nil when there is none.
func (s *shelf) get(k key) *place {
	if n, ok := s.numbers[k]; ok {
		return s.places[n]
	}
	return nil
}

// put takes in a place with a key of its own, and numbers it.
func (s *shelf) put(p *place) {
	if n := len(s.free); n > 0 {
		p.number, s.free = s.free[n-1], s.free[:n-1]
		s.places[p.number] = p
	} else {
		p.number = uint32(len(s.places))
		s.places = append(s.places, p)
	}
	s.numbers[p.key] = p.number
}

// drop takes a place out. Its number will be another's.
func (s *shelf) drop(p *place) {
	delete(s.numbers, p.key)
	s.places[p.number] = nil
	s.free = append(s.free, p.number)
}

// all yields every place, in no order.
func (s *shelf) all() iter.Seq[*place] {
	return func(yield func(*place) bool) {
		for _, p := range s.places {
			if p != nil && !yield(p) {
				return
			}
		}
	}
}
