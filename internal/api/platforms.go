package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// Grant is a role that the operator gives to a platform.
type Grant struct {
	PartyRef
	Role string `json:"role" enum:"CPO,EMSP,HUB,NAP,NSP,OTHER,SCSP,PTP" example:"CPO"`
	Name string `json:"name,omitempty" maxLength:"100" example:"Example Charging"`
}

// Limits bound what one platform may use; 0 or absent means the hub's setting.
type Limits struct {
	RequestsPerSecond float64 `json:"requests_per_second,omitempty" minimum:"0" maximum:"1000000" example:"50"`
	Burst             int     `json:"burst,omitempty" minimum:"0" maximum:"1000000" example:"100"`
	Concurrent        int     `json:"concurrent,omitempty" minimum:"0" maximum:"100000" example:"32"`
}

// Endpoint is a URL that a platform advertised.
type Endpoint struct {
	Module    string `json:"module" example:"locations"`
	Interface string `json:"interface" enum:"SENDER,RECEIVER" example:"SENDER"`
	URL       string `json:"url" example:"https://cpo.example.com/ocpi/2.2.1/locations"`
}

// Platform is a connected system with one pair of tokens. Its tokens are not
// shown.
type Platform struct {
	ID          string     `json:"id" example:"4q7xk2m9p1ab"`
	Name        string     `json:"name" example:"Example Charging"`
	State       string     `json:"state" enum:"PLANNED,CONNECTED,SUSPENDED" example:"CONNECTED"`
	Offline     bool       `json:"offline" example:"false" doc:"Connected, but it did not answer when it was last asked"`
	Hub         bool       `json:"hub" example:"false" doc:"Another hub: the parties granted to it are behind it"`
	Version     string     `json:"version,omitempty" example:"2.2.1" doc:"OCPI version of the connection"`
	VersionsURL string     `json:"versions_url,omitempty" example:"https://cpo.example.com/ocpi/versions"`
	Encoding    string     `json:"token_encoding" enum:"auto,base64,raw" example:"base64" doc:"As set, or as found out where it was set to auto"`
	Endpoints   []Endpoint `json:"endpoints"`
	Parties     []Party    `json:"parties"`
	Limits      Limits     `json:"limits" doc:"Where they differ from the hub's settings"`
	Pull        *Pull      `json:"pull,omitempty" doc:"Which lists the hub fetches; absent: none"`
	Created     *time.Time `json:"created,omitempty" example:"2026-01-02T03:04:05Z"`
	Updated     *time.Time `json:"updated,omitempty" example:"2026-01-02T03:04:05Z"`
}

// PlatformPath names a platform in a path.
type PlatformPath struct {
	ID string `path:"id" maxLength:"64" example:"4q7xk2m9p1ab" doc:"Id of the platform"`
}

type platformOutput struct{ Body Platform }

type platformList struct {
	Body struct {
		Items []Platform `json:"items"`
	}
}

// Invitation is a platform to be.
type Invitation struct {
	Name     string  `json:"name" minLength:"1" maxLength:"100" example:"Example Charging"`
	Parties  []Grant `json:"parties" minItems:"1" maxItems:"10000" doc:"What the platform may speak for; a credentials exchange confirms it and can add nothing"`
	Encoding string  `json:"token_encoding,omitempty" enum:"auto,base64,raw" example:"auto" doc:"How the platform spells tokens; auto pins itself at the first success"`
	Hub      bool    `json:"hub,omitempty" example:"false" doc:"The platform is another hub; also true where a role is HUB"`
}

// Invited is what a partner needs to register.
type Invited struct {
	ID          string    `json:"id" example:"4q7xk2m9p1ab"`
	VersionsURL string    `json:"versions_url" example:"https://hub.example.com/ocpi/versions"`
	TokenA      string    `json:"token_a" example:"eroam_ABCDEFGHIJKLMNOPQRSTUVWXYZ" doc:"For the registration, once; shown only now"`
	ExpiresAt   time.Time `json:"expires_at" example:"2026-01-05T03:04:05Z"`
}

type invitedOutput struct{ Body Invited }

func (a *API) invitePlatform(ctx context.Context, in *struct{ Body Invitation }) (*invitedOutput, error) {
	out, err := a.registry.Invite(ctx, party.Invitation{
		Name: in.Body.Name, Parties: grants(in.Body.Parties),
		Encoding: ocpi.TokenEncoding(in.Body.Encoding), Hub: in.Body.Hub,
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &invitedOutput{Invited(out)}, nil
}

func (a *API) reinvitePlatform(ctx context.Context, in *PlatformPath) (*invitedOutput, error) {
	out, err := a.registry.Reinvite(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &invitedOutput{Invited(out)}, nil
}

func (a *API) listPlatforms(context.Context, *struct{}) (*platformList, error) {
	out := &platformList{}
	out.Body.Items = []Platform{}
	for _, p := range a.registry.Snapshot().Platforms() {
		out.Body.Items = append(out.Body.Items, platformView(p))
	}
	slices.SortFunc(out.Body.Items, func(a, b Platform) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (a *API) getPlatform(ctx context.Context, in *PlatformPath) (*platformOutput, error) {
	p := a.registry.Platform(ctx, in.ID)
	if p == nil {
		return nil, a.problem(ctx, fmt.Errorf("platform %s: %w", in.ID, party.ErrNotFound))
	}
	return &platformOutput{platformView(p)}, nil
}

// PlatformChange says what to change; absent members stay as they are.
type PlatformChange struct {
	Name      *string  `json:"name,omitempty" minLength:"1" maxLength:"100" example:"Example Charging"`
	Parties   *[]Grant `json:"parties,omitempty" minItems:"1" maxItems:"10000" doc:"Replaces what is granted. A new role is reachable once a credentials exchange has confirmed it; one that is gone is unreachable at once"`
	Suspended *bool    `json:"suspended,omitempty" example:"true" doc:"true stops the platform, false lets it go on; its data is kept"`
	Encoding  *string  `json:"token_encoding,omitempty" enum:"auto,base64,raw" example:"raw"`
	Limits    *Limits  `json:"limits,omitempty" doc:"Replaces the platform's own limits"`
	Pull      *Pull    `json:"pull,omitzero" required:"false" doc:"Replaces which lists the hub fetches; without modules: none. For a platform that does not push"`
}

func (a *API) updatePlatform(ctx context.Context, in *struct {
	PlatformPath
	Body PlatformChange
}) (*platformOutput, error) {
	u := party.Update{Name: in.Body.Name, Suspended: in.Body.Suspended, Encoding: (*ocpi.TokenEncoding)(in.Body.Encoding), Pull: in.Body.Pull.settings()}
	if in.Body.Parties != nil {
		list := grants(*in.Body.Parties)
		u.Parties = &list
	}
	if in.Body.Limits != nil {
		limits := party.Limits(*in.Body.Limits)
		u.Limits = &limits
	}
	if err := a.registry.Update(ctx, in.ID, u); err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.getPlatform(ctx, &in.PlatformPath)
}

func (a *API) removePlatform(ctx context.Context, in *PlatformPath) (*struct{}, error) {
	return nil, a.problem(ctx, a.registry.Remove(ctx, in.ID))
}

// Connection is the outcome of a handshake that the hub started. One that
// failed is an answer too: status, and message with what went wrong.
type Connection struct {
	Status  string   `json:"status" enum:"PLANNED,CONNECTED,SUSPENDED" example:"CONNECTED" doc:"Of the platform, now"`
	Version string   `json:"version,omitempty" example:"2.2.1" doc:"The newest that both speak"`
	Missing []string `json:"missing_modules" example:"[\"chargingprofiles\"]" doc:"Modules of this version that the platform does not offer"`
	Ignored []string `json:"ignored_roles" example:"[\"NL-TNM EMSP\"]" doc:"Roles that the platform named and that are not granted to it"`
	Message string   `json:"message,omitempty" example:"" doc:"What went wrong; absent when it is connected"`
}

type connectionOutput struct{ Body Connection }

// Handshake is what a partner gave so that the hub can register with it.
type Handshake struct {
	VersionsURL string `json:"versions_url" minLength:"1" maxLength:"2048" example:"https://cpo.example.com/ocpi/versions"`
	TokenA      string `json:"token_a" minLength:"1" maxLength:"64" pattern:"^[!-~]+$" patternDescription:"printable ASCII without spaces" example:"3f9c2d7e" doc:"The token that the partner gave for the registration"`
}

func (a *API) connectPlatform(ctx context.Context, in *struct {
	PlatformPath
	Body Handshake
}) (*connectionOutput, error) {
	r, err := a.registry.Connect(ctx, in.ID, in.Body.VersionsURL, in.Body.TokenA)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return connectionView(r), nil
}

func (a *API) rotatePlatform(ctx context.Context, in *PlatformPath) (*platformOutput, error) {
	if err := a.registry.Rotate(ctx, in.ID); err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.getPlatform(ctx, in)
}

func grants(list []Grant) []party.Grant {
	out := make([]party.Grant, len(list))
	for i, g := range list {
		out[i] = party.Grant{CountryCode: g.CountryCode, PartyID: g.PartyID, Role: ocpi.Role(g.Role), Name: g.Name}
	}
	return out
}

func platformView(p *party.Platform) Platform {
	v := Platform{
		ID: p.ID, Name: p.Name, State: string(p.State), Offline: p.Offline, Hub: p.Hub,
		Version: string(p.Version), VersionsURL: p.VersionsURL, Encoding: string(p.Encoding),
		Endpoints: []Endpoint{}, Parties: []Party{}, Limits: Limits(p.Limits), Pull: pullView(p.Pull),
		Created: timeOrNil(p.Created), Updated: timeOrNil(p.Updated),
	}
	for k, url := range p.Endpoints {
		v.Endpoints = append(v.Endpoints, Endpoint{string(k.Module), string(k.Interface), url})
	}
	slices.SortFunc(v.Endpoints, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Interface, b.Interface))
	})
	for _, q := range p.Parties {
		v.Parties = append(v.Parties, partyView(q))
	}
	return v
}

func connectionView(r party.ConnectResult) *connectionOutput {
	out := &connectionOutput{Connection{
		Status: string(r.Status), Version: string(r.Version), Message: r.Message,
		Missing: []string{}, Ignored: append([]string{}, r.IgnoredRoles...),
	}}
	for _, m := range r.MissingModules {
		out.Body.Missing = append(out.Body.Missing, string(m))
	}
	return out
}
