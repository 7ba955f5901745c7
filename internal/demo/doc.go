// Package demo shows a hub at work: it starts the hub as a process of its own,
// connects simulated operators of real stations and simulated providers to it,
// lets drivers charge across networks, and checks at both ends that every
// session ended in exactly one bill at the right provider.
//
// It also checks the hub's ledger: every bill is in it once, and approved and
// posted, except for those of an operator that overcharges on purpose, which the
// price check must find; the balances are sums that the demo computes itself; a
// receipt and the growth of the log are checked as a partner would; and the whole
// ledger is verified from beside the hub.
//
// A run is the same again for the same seed but for the moments in time: the same
// drivers at the same stations, the same energy and the same money.
package demo
