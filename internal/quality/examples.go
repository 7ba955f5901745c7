package quality

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Examples returns at most n findings of each code, of the Locations that were
// published first, as of now.
func (j *Judge) Examples(ctx context.Context, n int, now time.Time) (map[Code][]Finding, error) {
	out := map[Code][]Finding{}
	if n <= 0 {
		return out, nil
	}
	for _, f := range j.aboutOwners(Query{}) {
		if len(out[f.Code]) < n {
			out[f.Code] = append(out[f.Code], f)
		}
	}
	for c, places := range j.firstPlaces(n, now) {
		for _, k := range places {
			found, err := j.ofPlace(ctx, Query{Code: c}, k, now)
			if err != nil {
				return nil, err
			}
			if out[c] = append(out[c], found...); len(out[c]) >= n {
				out[c] = out[c][:n]
				break
			}
		}
	}
	return out, nil
}

// firstPlaces returns, for each code, the first n places that have it.
func (j *Judge) firstPlaces(n int, now time.Time) map[Code][]numbered {
	j.mu.RLock()
	defer j.mu.RUnlock()
	out := map[Code][]numbered{}
	sessions := j.running()
	for p := range j.places.all() {
		var have Counts
		j.count(p, sessions, now, &have)
		for c, k := range have {
			if k == 0 {
				continue
			}
			first := out[Code(c)]
			if len(first) == n && first[n-1].born < p.born {
				continue
			}
			first = append(first, numbered{store.ObjectKey{Kind: string(ocpi.Locations), Party: p.owner.id, ID: ocpi.FoldID(p.name)}, p.born})
			slices.SortFunc(first, func(a, b numbered) int { return cmp.Compare(a.born, b.born) })
			out[Code(c)] = first[:min(n, len(first))]
		}
	}
	return out
}
