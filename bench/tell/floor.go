package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/bench/usage"
)

const floorCommand = "floor-net-http"

// floorResult is what a bare net/http client needed.
type floorResult struct {
	Rate float64 `json:"rate"`
	CPU  float64 `json:"cpu"` // µs a request
}

// floor sends as many requests as a burst has deliveries, with net/http and
// nothing around it: no feed, no lanes, no trace, no check of the answer.
// Arguments: where to, how many receivers, how many requests.
func floor(args []string) error {
	if len(args) != 3 {
		return errors.New("want host:port, receivers, requests")
	}
	receivers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	requests, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	const workers = 256
	// Receivers are platforms of their own: each has a connection of its own, as it
	// has with the hub.
	clients, urls := make([]*http.Client, receivers), make([]string, receivers)
	for i := range urls {
		clients[i] = &http.Client{Transport: &http.Transport{DisableCompression: true}}
		urls[i] = fmt.Sprintf("http://%s/r/%d/locations/NL/CP1/252d5e60-dc10-11ec-b057-42010aa40fc0/NLCP1E1234567", args[0], i)
	}
	var next atomic.Int64
	run := func(n int64) error {
		next.Store(0)
		return together(context.Background(), workers, func(ctx context.Context) error {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= n {
					break
				}
				if err := patch(clients[i%int64(receivers)], urls[i%int64(receivers)]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := run(max(4*workers, 2*int64(receivers))); err != nil { // opens the connections
		return err
	}
	before, began := usage.Self(), time.Now()
	if err := run(requests); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(floorResult{
		Rate: float64(requests) / time.Since(began).Seconds(), CPU: (usage.Self() - before) * 1e6 / float64(requests),
	})
}

func patch(client *http.Client, url string) error {
	body := []byte(`{"status":"CHARGING","last_updated":"2026-01-01T00:00:00.0000Z"}`)
	req, err := http.NewRequest(http.MethodPatch, url, bytes.NewReader(body)) //nolint:noctx // the process ends with the measurement
	if err != nil {
		return err
	}
	req.Header = http.Header{
		"Authorization": {"Token platform-token-DE100"}, "Content-Type": {"application/json"},
		"X-Request-Id": {"b6f0a2d2e6b54b3f8f6d2f0a"}, "X-Correlation-Id": {"c6f0a2d2e6b54b3f8f6d2f0a"},
		"Ocpi-From-Country-Code": {"US"}, "Ocpi-From-Party-Id": {"HUB"}, "Ocpi-To-Country-Code": {"DE"}, "Ocpi-To-Party-Id": {"100"},
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}
