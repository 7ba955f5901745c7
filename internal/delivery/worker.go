package delivery

import "sync"

// maxIdleWorkers bounds the workers that wait for a task.
const maxIdleWorkers = 4096

// task is a turn of a lane, or a request of one with the turn that follows it.
type task struct {
	lane *lane
	job  *job // nil: only the turn
}

// workers do the tasks of all lanes. A goroutine that has grown its stack for one
// request is used for the next: growing it costs more than everything else that
// a lane does for a message. There are as many as requests in flight and turns
// that are due.
type workers struct {
	d   *Delivery
	all sync.WaitGroup

	mu    sync.Mutex
	idle  []chan task // each of cap 1 and empty; the one that worked last is the last
	ended bool
}

func newWorkers(d *Delivery) *workers { return &workers{d: d} }

// do has t done by another goroutine. It never blocks. After end it does nothing.
func (w *workers) do(t task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if n := len(w.idle); n > 0 {
		w.idle[n-1] <- t
		w.idle = w.idle[:n-1]
		return
	}
	w.all.Go(func() { w.work(t) })
}

func (w *workers) work(t task) {
	mine := make(chan task, 1)
	var j job // these go to the heap: one pair for all that this worker sends
	var x exchange
	for ok := true; ok; t, ok = <-mine {
		more := t.job != nil
		if more {
			j = *t.job
		} else {
			j, more = t.lane.turn(nil)
		}
		for more {
			r := w.d.send(j.ctx, &j, &x)
			j, more = t.lane.turn(&r)
		}
		j, x = job{}, exchange{} // they must not keep an old snapshot alive
		if !w.rest(mine) {
			return
		}
	}
}

// rest has a worker wait for tasks; false says that there are enough.
func (w *workers) rest(mine chan task) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(w.idle) >= maxIdleWorkers {
		return false
	}
	w.idle = append(w.idle, mine)
	return true
}

// end waits for all of them. No lane may be working.
func (w *workers) end() {
	w.mu.Lock()
	w.ended = true
	for _, c := range w.idle {
		close(c)
	}
	w.idle = nil
	w.mu.Unlock()
	w.all.Wait()
}
