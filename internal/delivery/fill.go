package delivery

import (
	"context"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// maxPages is how much of the table a lane reads before it looks around.
const maxPages = 16

// fill reads the feed as far as there is room, and takes what is urgent in any
// case.
func (l *lane) fill(ctx context.Context, at *stand, now time.Time) {
	for pages := 0; l.room() > 0; {
		if l.live {
			if all := l.take(at, now); all {
				break
			}
			continue
		}
		if pages++; pages > maxPages {
			l.wake() // and see what else there is to do
			break
		}
		if now.Before(l.unread) || !l.page(ctx, at, now) {
			break
		}
	}
	if l.failures > 0 && l.room() <= 0 {
		l.inbox.shed()
	}
	l.overtake(at, now)
	for _, key := range l.inbox.replays() {
		l.letter(key)
		l.q.replay(key)
	}
	l.q.passed(l.read)
	if l.resync != nil && l.read >= l.resync.from.cursor {
		l.resync = nil
	}
}

func (l *lane) room() int { return window - len(l.q.order) }

// take takes what the inbox has; all is false when there may be more to do.
func (l *lane) take(at *stand, now time.Time) (all bool) {
	head, level := l.d.tail.position(), l.d.tail.level.Load() // before: all of that is in the inbox
	changes, all, ok := l.inbox.take(l.room())
	if !ok {
		l.live, l.floor = false, l.level
		return false
	}
	for _, c := range changes {
		if c.seq <= l.read {
			continue
		}
		if ok, had := l.accepts(c, at, now); ok {
			l.q.add(c, l.failures < 2, l.floor, had)
		}
		l.read, l.level = c.seq, max(l.level, c.level)
	}
	if all {
		l.read = max(l.read, head)
		l.level = max(l.level, min(level, l.read))
	}
	return all
}

// page reads the next entries of the table, and reports whether that went well.
func (l *lane) page(ctx context.Context, at *stand, now time.Time) bool {
	l.inbox.open() // whatever is not in the page will come
	head := l.d.tail.position()
	heads, err := l.d.o.Store.FeedHeads(ctx, l.read, lanePage)
	if err != nil {
		l.unread = now.Add(rereadAfter)
		l.note(err)
		return false
	}
	for i := range heads {
		c := newChange(&heads[i])
		if ok, had := l.accepts(c, at, now); ok {
			c.decode(&heads[i])
			l.q.add(c, l.failures < 2 && c.follows(max(l.floor, l.q.known(c.key))), 0, had)
		}
		l.read = c.seq
	}
	if len(heads) < lanePage {
		l.read = max(l.read, head)
		l.live, l.floor, l.level = true, l.read, l.read
	}
	return true
}

// overtake queues what is urgent although its turn has not come: the lane has no
// room, or still reads the table.
func (l *lane) overtake(at *stand, now time.Time) {
	for l.q.early < maxOvertaking {
		changes := l.inbox.overtaking(1)
		if len(changes) == 0 {
			return
		}
		c := changes[0]
		if c.seq <= l.read {
			continue // it has its place
		}
		if ok, _ := l.accepts(c, at, now); ok {
			l.q.overtake(c, l.failures < 2 && c.follows(l.known(c)), l.floor)
		}
	}
}

// known is a place at which the receiver has, or will get before c, the object
// of c.
func (l *lane) known(c *change) int64 {
	if l.live {
		return max(l.read, l.q.known(c.key))
	}
	return max(l.floor, l.q.known(c.key))
}

// accepts reports whether a change that was read is to be delivered; had, when
// not nil, are settings under which the receiver got it already if it passed.
func (l *lane) accepts(c *change, at *stand, now time.Time) (ok bool, had *party.DeliverySettings) {
	if c.loud <= l.floor || c.deleted && c.seq <= l.blank || !at.wants(c.key, now) {
		return false, nil
	}
	r := l.resync
	switch {
	case r == nil || c.loud > r.from.level:
		return true, nil
	case r.before == nil:
		return !c.deleted, nil
	case !r.before.had(c.key):
		return true, nil // also a deletion: it may have got the object before it lost the right
	case looksInside(&r.before.Filter, ocpi.Module(c.key.Kind)):
		return true, &r.before.Filter
	}
	return false, nil
}
