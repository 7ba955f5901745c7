package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"eroam": func() { os.Exit(run(os.Args[1:], Streams{os.Stdout, os.Stderr})) },
	})
}

// TestScript runs the transcripts in testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// Every hub of a script is on a free port and keeps its data in the
			// script's directory.
			e.Setenv("EROAM_LISTEN", "127.0.0.1:0")
			e.Setenv("EROAM_METRICS_LISTEN", "127.0.0.1:0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"hub-ready": hubReady,
			"capture":   capture,
			"sigterm":   sigterm,
			"connected": connected,
		},
	})
}

// hubReady waits until the hub with the given data directory is ready and puts
// its URL into EROAM_URL and its address into HUB.
func hubReady(ts *testscript.TestScript, _ bool, args []string) {
	var where struct {
		Listen string `json:"listen"`
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0] + "/addresses.json"))
		if err == nil {
			ts.Check(json.Unmarshal(text, &where))
			break
		}
		if time.Now().After(end) {
			ts.Fatalf("the hub is not ready")
		}
	}
	ts.Setenv("HUB", where.Listen)
	ts.Setenv("EROAM_URL", "http://"+where.Listen)
}

// connected waits until the platform with the id has registered.
func connected(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ts.Check(ts.Exec("eroam", "partner", "show", args[0]))
		if strings.Contains(ts.ReadFile("stdout"), "CONNECTED") {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the platform has not registered")
		}
	}
}

// sigterm sends SIGTERM to what runs in the background.
func sigterm(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// capture NAME PATTERN sets a variable to the first group of the pattern in
// what the last command printed.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("%s is not in what was printed", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// Every command says what it does and shows an example.
func TestHelpHasExamples(t *testing.T) {
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		if leaf.Help == "" {
			t.Errorf("%s has no help", leaf.FullPath())
		}
		if !strings.Contains(leaf.Detail, "$ "+exampleOf(leaf)) {
			t.Errorf("the help of %s has no example", leaf.FullPath())
		}
	}
}

// exampleOf returns how an example begins: "eroam partner add".
func exampleOf(n *kong.Node) string {
	path := n.Name
	for p := n.Parent; p != nil && p.Type != kong.ApplicationNode; p = p.Parent {
		path = p.Name + " " + path
	}
	return "eroam " + path
}
