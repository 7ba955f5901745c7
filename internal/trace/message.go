package trace

import "time"

// Message is what is kept of one exchange that went through the hub. Bodies are
// redacted and bounded before they are stored; see [Recorder].
type Message struct {
	Time          time.Time `json:"time"` // when the request came in (or, for deliveries, went out)
	Way           string    `json:"way"`  // ask, tell, bill, or hub for what the hub answered or asked itself
	Mode          string    `json:"mode"` // direct, open, broadcast, list, callback, delivery, answer
	RequestID     string    `json:"request_id"`
	CorrelationID string    `json:"correlation_id"`
	OutRequestID  string    `json:"out_request_id,omitempty"` // X-Request-ID of the forwarded request
	FromPlatform  string    `json:"from_platform,omitempty"`
	ToPlatform    string    `json:"to_platform,omitempty"`
	From          string    `json:"from,omitempty"` // "NL-CP1"
	To            string    `json:"to,omitempty"`
	Version       string    `json:"version,omitempty"`
	Module        string    `json:"module"`
	Interface     string    `json:"interface,omitempty"`
	Method        string    `json:"method"`
	Object        string    `json:"object,omitempty"` // keyed hash where it is a token uid
	HTTPStatus    int       `json:"http_status"`      // as answered to the requester
	OCPIStatus    int       `json:"ocpi_status"`
	PartnerHTTP   int       `json:"partner_http_status,omitempty"`
	PartnerOCPI   int       `json:"partner_ocpi_status,omitempty"`
	HubMicros     int64     `json:"hub_us"`           // time spent in the hub
	PartnerMicros int64     `json:"partner_us"`       // time spent waiting for the partner
	Losses        []string  `json:"losses,omitempty"` // what a version conversion dropped or invented
	Error         string    `json:"error,omitempty"`
	RequestBody   []byte    `json:"request_body,omitempty"`
	ResponseBody  []byte    `json:"response_body,omitempty"`
}
