package api

import "context"

// Lane is the way of published objects to one receiver.
type Lane struct {
	Lane   string `json:"lane" example:"p_4q7x/DE-EM1" doc:"Who receives"`
	Cursor int64  `json:"cursor" example:"4700" doc:"Everything up to here is delivered"`
	Behind int64  `json:"behind" example:"11" doc:"How many changes the cursor is behind the feed, at most"`
	Error  string `json:"error,omitempty" example:"refused the connection" doc:"Why the last delivery failed"`
}

type laneList struct {
	Body struct {
		Items []Lane `json:"items"`
	}
}

func (a *API) listLanes(context.Context, *struct{}) (*laneList, error) {
	out := &laneList{}
	out.Body.Items = append([]Lane{}, a.lanes()...)
	return out, nil
}
