package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
)

// real loads the real set and measures start and pages on it.
func (l *lab) real(ctx context.Context) error {
	if l.o.data == "" {
		fmt.Println("real: SKIPPED: no -data")
		return nil
	}
	path := filepath.Join(l.o.data, "ocpi-nl", "locations.jsonl.gz")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	h, err := l.newHub("real")
	if err != nil {
		return err
	}
	return l.onStore(ctx, h, "real", published(path, l.o.realLimit), nil)
}

// million loads the generated set and measures start, pages and status changes
// on it.
func (l *lab) million(ctx context.Context) error {
	h, err := l.newHub("million")
	if err != nil {
		return err
	}
	return l.onStore(ctx, h, "million", l.generated(), func(s *set) error { return l.changes(ctx, h, s) })
}

func (l *lab) onStore(ctx context.Context, h *hub, name string, from source, more func(*set) error) error {
	s := l.state.Sets[name]
	if s == nil {
		s = &set{Name: name, Tokens: map[string]string{}}
		l.state.Sets[name] = s
	}
	if _, err := h.Start(ctx); err != nil {
		return err
	}
	defer h.Stop()
	if err := l.load(ctx, h, s, from); err != nil {
		return err
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"size", func() error { return l.size(h, s) }},
		{"start", func() error { return l.starts(ctx, h, s) }},
		{"pages", func() error { return l.pages(ctx, h, s) }},
	}
	for _, step := range steps {
		if err := l.once(name+" "+step.name, step.do); err != nil {
			return err
		}
	}
	if more != nil {
		return more(s)
	}
	return nil
}

// size reports what loading took and left.
func (l *lab) size(h *hub, s *set) error {
	l.result(s.Name+"_locations", float64(s.Locations-s.Refused), "locations", 1)
	l.result(s.Name+"_evses", float64(s.EVSEs), "EVSEs", 1)
	l.result(s.Name+"_refused", float64(s.Refused), "locations", 1)
	l.result(s.Name+"_load_time", s.Seconds, "s", s.Locations)
	l.result(s.Name+"_load_rate", float64(s.Locations)/s.Seconds, "PUT/s", s.Locations)
	l.result(s.Name+"_load_cpu", s.CPU*1e6/float64(s.Locations), "us/PUT", s.Locations)
	rss, peak := usage.Memory(h.Pid())
	l.result(s.Name+"_rss_after_load", rss, "MiB", 1)
	l.result(s.Name+"_rss_peak_load", peak, "MiB", 1)
	h.Stop() // the log is folded into the file
	l.result(s.Name+"_file", files(h.Data, "eroam.db"), "MiB", 1)
	l.result(s.Name+"_bodies", float64(s.Bytes)/(1<<20), "MiB", 1)
	l.result(s.Name+"_trace_file", files(h.Data, "trace.db"), "MiB", 1)
	_, err := h.Start(context.Background())
	return err
}

// files adds up a database and its companions in MiB.
func files(dir, name string) float64 {
	all, _ := filepath.Glob(filepath.Join(dir, name+"*"))
	sum := 0.0
	for _, f := range all {
		if info, err := os.Stat(f); err == nil {
			sum += float64(info.Size())
		}
	}
	return sum / (1 << 20)
}

// starts measures how long the hub takes from the start of the process until
// /readyz, after a stop and after a kill. The files are in the page cache.
func (l *lab) starts(ctx context.Context, h *hub, s *set) error {
	fmt.Printf("%s: start until /readyz\n", s.Name)
	const times = 5
	for _, kill := range []bool{false, true} {
		name, end := s.Name+"_ready_after_stop", h.Stop
		if kill {
			name, end = s.Name+"_ready_after_kill", h.Kill
		}
		var took, rss []float64
		for range times {
			end()
			d, err := h.Start(ctx)
			if err != nil {
				return err
			}
			took = append(took, d.Seconds())
			time.Sleep(time.Second)
			now, _ := usage.Memory(h.Pid())
			rss = append(rss, now)
		}
		l.add(row{Line: result.Line{Name: name, Value: result.Median(took), Unit: "s", N: times}, Most: 5})
		l.result(name+"_worst", slices.Max(took), "s", times)
		if !kill {
			l.result(s.Name+"_rss_after_start", result.Median(rss), "MiB", times)
		}
	}
	return nil
}

// pages measures pages of 1,000 locations: a walk over the whole list by Link,
// then the first, the middle and the last page again and again, by the same
// links and by offset, plain and packed.
func (l *lab) pages(ctx context.Context, h *hub, s *set) error {
	fmt.Printf("%s: pages of 1,000, once the hub is idle\n", s.Name)
	idle, err := h.idle(ctx)
	if err != nil {
		return err
	}
	l.result(s.Name+"_idle_after_start", idle.Seconds(), "s", 1)
	r := reader{client: &http.Client{Transport: &http.Transport{DisableCompression: true}}, token: s.Viewer}
	first := "http://" + h.Addr + "/ocpi/2.2.1/sender/locations?limit=1000"
	var links []string
	var took []time.Duration
	before := usage.Now(h.Pid())
	for next := first; next != ""; {
		links = append(links, next)
		p, err := r.get(ctx, next, false)
		if err != nil {
			return err
		}
		took = append(took, p.took)
		next = p.next
	}
	walk := before.Since()
	p50, p99 := percentiles(took)
	l.result(s.Name+"_walk_pages", float64(len(links)), "pages", 1)
	l.result(s.Name+"_walk_p50", p50, "ms", len(took))
	l.result(s.Name+"_walk_p99", p99, "ms", len(took))
	l.result(s.Name+"_walk_cpu", walk.By[h.Pid()]*1e3/float64(len(took)), "ms/page", len(took))
	middle, last := len(links)/2, max(0, len(links)-2) // the last full one
	for _, at := range []struct {
		name string
		page int
	}{{"first", 0}, {"middle", middle}, {"last", last}} {
		offset := fmt.Sprintf("%s&offset=%d", first, 1000*at.page)
		for _, way := range []struct {
			name, url string
			gzip      bool
			target    float64
		}{{"link", links[at.page], false, 25}, {"link_gzip", links[at.page], true, 0}, {"offset", offset, false, 0}, {"offset_gzip", offset, true, 0}} {
			if err := l.page(ctx, &r, s.Name+"_page_"+at.name+"_"+way.name, way.url, way.gzip, way.target); err != nil {
				return err
			}
		}
	}
	return nil
}

// page asks for one page many times.
func (l *lab) page(ctx context.Context, r *reader, name, url string, packed bool, target float64) error {
	var took []time.Duration
	size, unpacked := 0, ""
	for range l.o.requests {
		p, err := r.get(ctx, url, packed)
		if err != nil {
			return err
		}
		took = append(took, p.took)
		size = p.size
		if packed && !p.packed {
			unpacked = ", not packed"
		}
	}
	p50, p99 := percentiles(took)
	l.result(name+"_p50", p50, "ms", len(took))
	l.add(row{Line: result.Line{Name: name + "_p99", Value: p99, Unit: "ms", N: len(took)}, Most: target})
	fmt.Printf("    %d bytes%s\n", size, unpacked)
	return nil
}

// reader reads pages as an eMSP does, on one connection.
type reader struct {
	client *http.Client
	token  string
}

type page struct {
	took   time.Duration // until the last byte
	size   int
	packed bool
	next   string
}

func (r *reader) get(ctx context.Context, url string, packed bool) (page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, err
	}
	req.Header = http.Header{
		"Authorization": {"Token " + r.token}, "X-Request-ID": {"p1"}, "X-Correlation-ID": {"p1"},
		"OCPI-from-country-code": {"DE"}, "OCPI-from-party-id": {"VIE"}, "OCPI-to-country-code": {"US"}, "OCPI-to-party-id": {"HUB"},
	}
	if packed {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	began := time.Now()
	res, err := r.client.Do(req)
	if err != nil {
		return page{}, err
	}
	n, err := io.Copy(io.Discard, res.Body)
	took := time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return page{}, err
	}
	if res.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("%s answered %s", url, res.Status)
	}
	p := page{took: took, size: int(n), packed: res.Header.Get("Content-Encoding") == "gzip"}
	if link := res.Header.Get("Link"); link != "" {
		p.next = strings.TrimPrefix(link[:strings.IndexByte(link+">", '>')], "<")
	}
	return p, nil
}
