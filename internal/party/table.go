package party

import (
	"iter"
	"maps"
)

// table is a map of which several versions exist at a time: next gives one that
// may be changed, and shares with the one before what is not. Versions that
// others can see are not changed any more. A version costs about √n steps for n
// entries, where a copy of the whole map would cost n. The zero value is empty.
type table[K comparable, V any] struct {
	base map[K]V         // shared by many versions
	over map[K]latest[V] // of this version: what differs from base
}

// latest is an entry that was set or dropped.
type latest[V any] struct {
	value V
	gone  bool
}

// get returns the value of k, the zero value when there is none.
func (t *table[K, V]) get(k K) V {
	if l, ok := t.over[k]; ok {
		return l.value
	}
	return t.base[k]
}

// all yields the entries, in no order.
func (t *table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, l := range t.over {
			if !l.gone && !yield(k, l.value) {
				return
			}
		}
		for k, v := range t.base {
			if _, changed := t.over[k]; !changed && !yield(k, v) {
				return
			}
		}
	}
}

// next returns a version to be changed.
func (t *table[K, V]) next() table[K, V] {
	if n := len(t.over); n*n <= 2*len(t.base) {
		return table[K, V]{t.base, maps.Clone(t.over)}
	}
	return table[K, V]{base: maps.Collect(t.all())}
}

func (t *table[K, V]) set(k K, v V) { t.put(k, latest[V]{value: v}) }

func (t *table[K, V]) drop(k K) { t.put(k, latest[V]{gone: true}) }

func (t *table[K, V]) put(k K, l latest[V]) {
	if t.over == nil {
		t.over = make(map[K]latest[V])
	}
	t.over[k] = l
}
