package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eroam/eroam/internal/config"
)

// What a connection may take. The write timeout is above every timeout that
// the hub itself has for a partner.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 120 * time.Second
	maxHeader     = 32 << 10
	pingTimeout   = 2 * time.Second
)

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// serve answers on the listen address until Stop, which lets what is under way
// finish.
func (a *App) serve() {
	// Handlers get a context of their own, so that Stop can end those that are
	// over their time.
	ctx, cancel := context.WithCancel(context.Background())
	s := a.server(http.HandlerFunc(a.serveHTTP))
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	a.runServer("the HTTP server", s, a.listener)
	a.onStop("draining", func(stop context.Context) error {
		defer a.requests.Wait()
		defer cancel()
		a.ready.Store(false)
		a.log.Info("draining", "timeout", a.cfg.ShutdownTimeout.String())
		sleep(stop, a.cfg.DrainDelay)
		stop, done := context.WithTimeout(stop, a.cfg.ShutdownTimeout)
		defer done()
		err := s.Shutdown(stop)
		if errors.Is(err, context.DeadlineExceeded) {
			a.log.Warn("requests were cut off", "timeout", a.cfg.ShutdownTimeout.String())
			err = s.Close()
		}
		return err
	})
}

// serveMetrics answers on the metrics address until Stop.
func (a *App) serveMetrics() {
	if a.metricsListener == nil {
		return
	}
	s := a.server(a.metricsHandler(config.Loopback(a.MetricsAddr())))
	a.runServer("the metrics server", s, a.metricsListener)
}

// metricsHandler answers /metrics and, for this machine only, /debug/pprof,
// which shows what is in memory.
func (a *App) metricsHandler(loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	if loopback {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// runServer runs s until Stop closes it; draining is what comes before.
func (a *App) runServer(what string, s *http.Server, l net.Listener) {
	a.run(what, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { s.Close() })()
		err := s.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			<-ctx.Done() // drained; Stop ends this part next
			return nil
		}
		return err
	})
}

// serveHTTP sends a request to the part it is for. It looks at nothing but the
// beginning of the path: OCPI paths are for package ingress to read, escapes
// and all, and must not pass a ServeMux, which would clean them.
func (a *App) serveHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	defer a.requests.Done()
	defer a.recoverPanic(w)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/ocpi"):
		a.ocpi.ServeHTTP(w, r)
	case strings.HasPrefix(p, "/api/"):
		a.api.ServeHTTP(w, r)
	case p == "/healthz":
		a.health(w, r, nil)
	case p == "/readyz":
		a.health(w, r, a.checkReady)
	default:
		http.Error(w, "not found", http.StatusNotFound)
	}
}

// recoverPanic turns a panic of a handler into an answer and one event. The
// value of the panic is not logged: it may hold what the request held.
func (a *App) recoverPanic(w http.ResponseWriter) {
	e := recover()
	if e == nil {
		return
	}
	if e == http.ErrAbortHandler { //nolint:errorlint // the sentinel is compared as net/http does
		panic(e)
	}
	a.log.Error("panic in a handler", "type", fmt.Sprintf("%T", e), "stack", string(debug.Stack()))
	http.Error(w, "internal error", http.StatusInternalServerError)
}

// health answers "ok", or 503 and the reason that check gives.
func (a *App) health(w http.ResponseWriter, r *http.Request, check func(context.Context) error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if check != nil {
		if err := check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

var (
	errDraining    = errors.New("not ready: starting or stopping")
	errUnreachable = errors.New("not ready: the database does not answer")
)

// checkReady reports why the hub cannot take traffic.
func (a *App) checkReady(ctx context.Context) error {
	if !a.ready.Load() {
		return errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn("the database does not answer", "err", err)
		return errUnreachable
	}
	return nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
