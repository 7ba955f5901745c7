package afdc

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eroam/eroam/sim"
)

// The spellings of opening hours that are read. Whatever stands behind the
// first of them ("24 hours daily; pay lot") is about access, not about hours.
var (
	alwaysOpen = regexp.MustCompile(`(?i)^24 hours daily\b`)
	dailyHours = regexp.MustCompile(`(?i)^(\d{1,2}(?::\d\d)?\s*[ap]m)\s*-\s*(\d{1,2}(?::\d\d)?\s*[ap]m) daily\b`)
	dayHours   = regexp.MustCompile(`(?i)^(mon|tue|wed|thu|fri|sat|sun):?\s+(.+)$`)
	hourRange  = regexp.MustCompile(`(?i)^(\d{1,2}(?::\d\d)?\s*[ap]m)\s*-\s*(\d{1,2}(?::\d\d)?\s*[ap]m)$`)
	clockTime  = regexp.MustCompile(`(?i)^(\d{1,2})(?::(\d\d))?\s*([ap])m$`)
)

var weekdays = map[string]int{"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}

// parseHours reads the free text about access times. An empty text is
// understood and says nothing. Text that is not wholly understood gives no
// hours: half of them would send drivers to closed doors.
func parseHours(s string) (o sim.Opening, understood bool) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return o, true
	case alwaysOpen.MatchString(s):
		return sim.Opening{Always: true}, true
	}
	var w week
	if m := dailyHours.FindStringSubmatch(s); m != nil {
		for day := 1; day <= 7; day++ {
			if !w.add(day, m[1], m[2]) {
				return o, false
			}
		}
		return w.opening(), true
	}
	for part := range strings.SplitSeq(s, ";") {
		m := dayHours.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return o, false
		}
		day := weekdays[strings.ToLower(m[1])]
		for span := range strings.SplitSeq(m[2], ",") {
			r := hourRange.FindStringSubmatch(strings.TrimSpace(span))
			if r == nil || !w.add(day, r[1], r[2]) {
				return o, false
			}
		}
	}
	return w.opening(), true
}

// week gathers opening periods.
type week []sim.Hours

// How OCPI spells a day without closing: its times end at 23:59 and
// a period must end after it begins (OCPI 2.2.1 §8.4.21).
const (
	dayBegin = "00:00"
	dayEnd   = "23:59"
)

// add appends one period; one that passes midnight becomes two.
func (w *week) add(day int, from, to string) bool {
	begin, ok1 := parseClock(from)
	end, ok2 := parseClock(to)
	if !ok1 || !ok2 {
		return false
	}
	switch {
	case end == dayBegin:
		end = dayEnd
	case end < begin:
		*w = append(*w, sim.Hours{Weekday: day%7 + 1, Begin: dayBegin, End: end})
		end = dayEnd
	case end == begin:
		return false
	}
	*w = append(*w, sim.Hours{Weekday: day, Begin: begin, End: end})
	return true
}

func (w week) opening() sim.Opening {
	whole := make(map[int]bool)
	for _, h := range w {
		if h.Begin == dayBegin && h.End == dayEnd {
			whole[h.Weekday] = true
		}
	}
	if len(whole) == 7 {
		return sim.Opening{Always: true}
	}
	slices.SortFunc(w, func(a, b sim.Hours) int {
		return cmp.Or(a.Weekday-b.Weekday, strings.Compare(a.Begin, b.Begin), strings.Compare(a.End, b.End))
	})
	return sim.Opening{Hours: slices.Compact([]sim.Hours(w))}
}

// parseClock turns "6:30pm" into "18:30".
func parseClock(s string) (string, bool) {
	m := clockTime.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	h, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	if h < 1 || h > 12 || minute > 59 {
		return "", false
	}
	if h %= 12; m[3] == "p" || m[3] == "P" {
		h += 12
	}
	return fmt.Sprintf("%02d:%02d", h, minute), true
}
