package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/api/client"
)

// hubFlags are those of the commands that talk to a running hub.
type hubFlags struct {
	URL       string `name:"url" env:"EROAM_URL" default:"http://127.0.0.1:8080" help:"URL of the hub."`
	Token     string `env:"EROAM_TOKEN,EROAM_ADMIN_TOKEN" help:"Admin token. Better in the environment or a file: other users of this machine see the command line."`
	TokenFile string `env:"EROAM_TOKEN_FILE,EROAM_ADMIN_TOKEN_FILE" type:"path" placeholder:"FILE" help:"File with the admin token."`
	JSON      bool   `name:"json" help:"Print what the API answers, as JSON."`
}

// hub returns a client for the flags.
func (c *hubFlags) hub() (*client.Client, error) {
	token, err := secretOf(c.Token, c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading the admin token: %w", err)
	}
	if token == "" {
		return nil, errors.New("the admin token is missing: set EROAM_TOKEN or EROAM_TOKEN_FILE")
	}
	return client.New(c.URL, token)
}

// secretOf is a secret that was given by itself, or in a file.
func secretOf(text, file string) (string, error) {
	if text != "" || file == "" {
		return text, nil
	}
	b, err := os.ReadFile(file)
	return strings.TrimSpace(string(b)), err
}

// print writes v as JSON, or has text write it for people.
func (c *hubFlags) print(s Streams, v any, text func(w io.Writer)) error {
	if c.JSON {
		return json.MarshalWrite(s.Out, v, jsontext.WithIndent("  "))
	}
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}
