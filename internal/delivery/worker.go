package delivery

import (
	"context"
	"sync"
)

// maxIdleWorkers bounds the workers that wait for a job.
const maxIdleWorkers = 256

// workers do the jobs of all lanes. A goroutine that has grown its stack for one
// request is used for the next: growing it costs more than everything else that
// a lane does for a message. There are as many as jobs in flight.
type workers struct {
	d    *Delivery
	jobs chan job
	quit chan struct{}
	all  sync.WaitGroup

	mu   sync.Mutex
	idle int
}

func newWorkers(d *Delivery) *workers {
	return &workers{d: d, jobs: make(chan job), quit: make(chan struct{})}
}

// do has j done, and its result handed to its lane.
func (w *workers) do(ctx context.Context, j job) {
	j.ctx = ctx
	select {
	case w.jobs <- j:
	default:
		w.all.Go(func() { w.work(j) })
	}
}

func (w *workers) work(j job) {
	for {
		j.lane.results <- w.d.send(j.ctx, j)
		if !w.rest(1) {
			return
		}
		select {
		case j = <-w.jobs:
			w.rest(-1)
		case <-w.quit:
			return
		}
	}
}

// rest counts those that wait; false says that there are enough.
func (w *workers) rest(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 && w.idle >= maxIdleWorkers {
		return false
	}
	w.idle += n
	return true
}

// end waits for all of them. No lane may be running.
func (w *workers) end() {
	close(w.quit)
	w.all.Wait()
}
