// Package demo shows a hub at work: it starts the hub as a process of its own,
// connects simulated operators of real stations and simulated providers to it,
// lets drivers charge across networks, and checks at both ends that every
// session ended in exactly one correct bill at the right provider.
//
// A run is the same again for the same seed but for the moments in time: the same
// drivers at the same stations, the same energy and the same money.
package demo
