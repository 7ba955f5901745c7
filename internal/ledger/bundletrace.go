package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Bounds of the messages of a bundle.
const (
	maxMessages  = 1000
	searchBudget = 30 * time.Second
)

// bundleMessages adds the messages about the subject that this process has in its
// trace, the oldest first. What cannot be read is left out, and a note says so:
// the rest of the evidence does not depend on it.
func (l *Ledger) bundleMessages(ctx context.Context, b *bundle, f about) {
	ctx, cancel := context.WithTimeout(ctx, searchBudget)
	defer cancel()
	from := f.watch.Started
	for i := range f.cdrs {
		if from == 0 || f.cdrs[i].Started < from {
			from = f.cdrs[i].Started
		}
	}
	found, err := l.o.Trace.Find(ctx, trace.Query{
		Party: f.owner.String(), From: time.UnixMicro(from).Add(-authsBefore), Match: l.aboutSubject(b, f).match, Limit: maxMessages,
	})
	switch {
	case err != nil:
		l.log.Warn("the messages about a CDR could not be read", "err", err)
		b.MessagesNote = "the trace of messages could not be read"
	case len(found) == maxMessages:
		b.MessagesNote = fmt.Sprintf("only the newest %d are here", maxMessages)
	}
	slices.Reverse(found)
	for i := range found {
		m := bundleMessage{Message: found[i], RequestBody: readable(found[i].RequestBody), ResponseBody: readable(found[i].ResponseBody)}
		b.Messages = append(b.Messages, m)
	}
}

func readable(body []byte) string { return string(bytes.ToValidUTF8(body, []byte("\uFFFD"))) }

// subjectMatch recognises the messages about a subject.
type subjectMatch struct {
	between    []string // parties, "" for none
	objects    []string // module and folded id of CDRs and of the session
	references [][]byte // authorization_reference, quoted
}

func (l *Ledger) aboutSubject(b *bundle, f about) subjectMatch {
	m := subjectMatch{between: []string{"", f.owner.String(), f.emsp.String(), l.o.Hub.String()}}
	if f.session != "" {
		m.objects = append(m.objects, string(ocpi.Sessions)+" "+f.session)
	}
	for i := range b.CDRs {
		m.objects = append(m.objects, string(ocpi.CDRs)+" "+ocpi.FoldID(b.CDRs[i].ID))
		if ref := gjson.Get(b.CDRs[i].Body, "authorization_reference").Str; ref != "" {
			m.references = append(m.references, fmt.Appendf(nil, "%q", ref))
		}
	}
	return m
}

func (s subjectMatch) match(m *trace.Message) bool {
	if !slices.Contains(s.between, m.From) || !slices.Contains(s.between, m.To) {
		return false
	}
	switch ocpi.Module(m.Module) {
	case ocpi.CDRs, ocpi.Sessions:
		return m.Object != "" && slices.Contains(s.objects, m.Module+" "+ocpi.FoldID(m.Object))
	case ocpi.Tokens, ocpi.Commands:
		return slices.ContainsFunc(s.references, func(ref []byte) bool {
			return bytes.Contains(m.RequestBody, ref) || bytes.Contains(m.ResponseBody, ref)
		})
	}
	return false
}
