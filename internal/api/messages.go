package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Message is what is kept of one exchange. Bodies are redacted and bounded.
type Message struct {
	trace.Message
	RequestBody  json.RawMessage `json:"request_body,omitempty" doc:"JSON, or text where it is not JSON or was cut"`
	ResponseBody json.RawMessage `json:"response_body,omitempty" doc:"JSON, or text where it is not JSON or was cut"`
}

type messageQuery struct {
	CorrelationID string    `query:"correlation_id" maxLength:"64" example:"b4a0a0c4" doc:"X-Correlation-ID: the same on all hops of one exchange"`
	RequestID     string    `query:"request_id" maxLength:"64" example:"123e4567" doc:"X-Request-ID of the request or of the forwarded one"`
	Party         string    `query:"party" example:"NL-CP1" doc:"Sender or receiver"`
	Module        string    `query:"module" maxLength:"64" example:"commands"`
	From          time.Time `query:"from" example:"2026-01-02T00:00:00Z" doc:"Not before"`
	To            time.Time `query:"to" example:"2026-01-03T00:00:00Z" doc:"Before"`
	Limit         int       `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type messageList struct {
	Body struct {
		Items   []Message `json:"items"`
		Dropped uint64    `json:"dropped" example:"0" doc:"Messages since the start that were not recorded because there were too many at once"`
	}
}

func (a *API) findMessages(ctx context.Context, in *messageQuery) (*messageList, error) {
	out := &messageList{}
	out.Body.Items = []Message{}
	if a.trace == nil {
		return out, nil
	}
	q := trace.Query{
		CorrelationID: in.CorrelationID, RequestID: in.RequestID, Module: in.Module,
		From: in.From, To: in.To, Limit: in.Limit,
	}
	if in.Party != "" {
		id, err := ocpi.ParsePartyString(in.Party)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("validation failed",
				&huma.ErrorDetail{Location: "query.party", Message: "want a country code and a party id, such as NL-CP1"})
		}
		q.Party = id.String()
	}
	// What was just relayed can be found: the recorder is behind by a moment.
	if err := a.trace.Flush(ctx); err != nil {
		return nil, a.problem(ctx, err)
	}
	found, err := a.trace.Find(ctx, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	for _, m := range found {
		out.Body.Items = append(out.Body.Items, messageView(m))
	}
	out.Body.Dropped = a.trace.Dropped()
	return out, nil
}

func messageView(m trace.Message) Message {
	v := Message{Message: m, RequestBody: bodyView(m.RequestBody), ResponseBody: bodyView(m.ResponseBody)}
	v.Message.RequestBody, v.Message.ResponseBody = nil, nil
	return v
}

// bodyView shows a body as the JSON it is, or as text.
func bodyView(body []byte) json.RawMessage {
	if len(body) == 0 || json.Valid(body) {
		return body
	}
	text, err := json.Marshal(string(body))
	if err != nil { // a string always has a JSON form
		return nil
	}
	return text
}
