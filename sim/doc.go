// Package sim simulates the partners of an e-roaming hub: charge point
// operators ([CPO]) and e-mobility service providers ([EMSP]) that speak OCPI
// 2.2.1 or 2.3.0 over real HTTP, register with credentials like any other
// system, and do what the real ones do. A CPO publishes stations and tariffs,
// asks for authorisation, answers commands, reports sessions and sends priced
// CDRs; an eMSP keeps and checks what it receives, publishes tokens and sends
// commands.
//
// A platform misbehaves on request, see [Faults], and an operator bills too much,
// see [Overcharge]. All randomness comes from a seed, so that the same run has the
// same sessions, energy and money. Time can run faster than real time: see [Clock].
//
// Two platforms can also be connected to each other without a hub: everything
// here follows the protocol and nothing depends on who the other end is.
package sim
