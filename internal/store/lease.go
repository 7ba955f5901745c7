package store

import (
	"context"
	"errors"
	"fmt"
)

// This file is what package lease keeps in the database: the processes that
// work on it, and which of them has which job. On PostgreSQL it has connections
// of its own and does not wait for the group commit, so that a process is not
// taken for dead because the database is busy.

// ErrGone says that a node is no longer one of those that work: the others
// buried it.
var ErrGone = errors.New("store: the node is gone")

// Shared reports whether other processes may work on the database.
func (s *Store) Shared() bool { return s.engine.shared }

// aside runs fn in a transaction that, on PostgreSQL, is not part of a group
// commit. It must not touch the feed.
func (s *Store) aside(ctx context.Context, fn func(tx *Tx) error) error {
	if s.engine.aside == nil {
		return s.Write(ctx, fn)
	}
	t, err := s.engine.aside(ctx)
	if err != nil {
		return err
	}
	tx := &Tx{ctx: ctx, sql: t}
	if err := tx.run(fn); err != nil {
		t.rollback()
		return err
	}
	return t.commit()
}

// Node is a process that works.
type Node struct {
	ID      string
	Place   string // at most one process at a time has it; "" for none
	Name    string // for people
	Beat    int64
	Leaving bool // it takes nothing more and gives away what it has
}

const (
	sqlOfPlace        = `SELECT id FROM node WHERE place = $1 LIMIT 1`
	sqlDeleteNode     = `DELETE FROM node WHERE id = $1`
	sqlDeleteLeases   = `DELETE FROM lease WHERE node = $1`
	sqlInsertNode     = `INSERT INTO node (id, place, name, beat, leaving) VALUES ($1, $2, $3, 0, FALSE)`
	sqlRaiseLeases    = `UPDATE revision SET n = n + 1 WHERE name = 'lease' RETURNING n`
	sqlBeat           = `UPDATE node SET beat = beat + 1 WHERE id = $1`
	sqlLeaving        = `UPDATE node SET leaving = TRUE WHERE id = $1`
	sqlBury           = `DELETE FROM node WHERE id = $1 AND beat = $2`
	sqlNodes          = `SELECT id, place, name, beat, leaving FROM node ORDER BY id`
	sqlLeasesRevision = `SELECT n FROM revision WHERE name = 'lease'`
)

// raise changes the revision of the leases, and returns the new one. Its lock
// puts all changes of leases in one order.
func (tx *Tx) raise() (n int64, err error) {
	found, err := tx.row(sqlRaiseLeases, nil, &n)
	if err == nil && !found {
		err = tx.fail(errors.New("the revision of the leases is missing"))
	}
	return n, err
}

// JoinNode adds a node. Earlier ones in its place are dead: they are removed,
// and their leases end.
func (s *Store) JoinNode(ctx context.Context, n Node) error {
	err := s.aside(ctx, func(tx *Tx) error {
		for n.Place != "" {
			var id string
			found, err := tx.row(sqlOfPlace, []any{n.Place}, &id)
			if err != nil {
				return err
			}
			if !found {
				break
			}
			if err := tx.removeNode(id); err != nil {
				return err
			}
		}
		if _, err := tx.exec(sqlInsertNode, n.ID, n.Place, n.Name); err != nil {
			return err
		}
		_, err := tx.raise()
		return err
	})
	if err != nil {
		return fmt.Errorf("joining the other processes: %w", err)
	}
	return nil
}

// removeNode deletes a node and its leases. Locks are taken in the same order
// everywhere: the node, the revision, the leases.
func (tx *Tx) removeNode(id string) error {
	if _, err := tx.exec(sqlDeleteNode, id); err != nil {
		return err
	}
	if _, err := tx.raise(); err != nil {
		return err
	}
	_, err := tx.exec(sqlDeleteLeases, id)
	return err
}

// BeatNode shows the others that the node lives. The error wraps [ErrGone] when
// they have buried it.
func (s *Store) BeatNode(ctx context.Context, id string) error {
	if err := s.aside(ctx, func(tx *Tx) error { return tx.beat(id) }); err != nil {
		return fmt.Errorf("beating: %w", err)
	}
	return nil
}

// beat holds the row of the node until the transaction ends: nobody can bury
// it meanwhile.
func (tx *Tx) beat(id string) error {
	n, err := tx.exec(sqlBeat, id)
	if err == nil && n == 0 {
		err = tx.fail(ErrGone)
	}
	return err
}

// RetireNode says that the node takes nothing more. It is no error when it is
// gone.
func (s *Store) RetireNode(ctx context.Context, id string) error {
	err := s.aside(ctx, func(tx *Tx) error {
		if _, err := tx.exec(sqlLeaving, id); err != nil {
			return err
		}
		_, err := tx.raise()
		return err
	})
	if err != nil {
		return fmt.Errorf("retiring: %w", err)
	}
	return nil
}

// RemoveNode ends the node and its leases. It is no error when it is gone.
func (s *Store) RemoveNode(ctx context.Context, id string) error {
	err := s.aside(ctx, func(tx *Tx) error { return tx.removeNode(id) })
	if err != nil {
		return fmt.Errorf("leaving the other processes: %w", err)
	}
	return nil
}

// BuryNode removes a node that has not beaten since its beat was read, and ends
// its leases. It reports false when it has beaten, or is gone.
func (s *Store) BuryNode(ctx context.Context, id string, beat int64) (buried bool, err error) {
	err = s.aside(ctx, func(tx *Tx) error {
		n, err := tx.exec(sqlBury, id, beat)
		if buried = n > 0; err != nil || !buried {
			return err
		}
		if _, err := tx.raise(); err != nil {
			return err
		}
		_, err = tx.exec(sqlDeleteLeases, id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("removing a dead process: %w", err)
	}
	return buried, nil
}

// Nodes returns the nodes, ordered by id, and the revision of the leases, as
// they were at one moment. A lease that was read at the same revision stands.
func (s *Store) Nodes(ctx context.Context) (nodes []Node, revision int64, err error) {
	queries := []string{sqlLeasesRevision, sqlNodes}
	err = s.leaseReader().snapshot(ctx, queries, func(run queryFunc) error {
		err := run(0, nil, func(scan scanFunc) error { return scan(&revision) })
		if err != nil {
			return err
		}
		return run(1, nil, func(scan scanFunc) error {
			return appendRow(&nodes, scan, func(n *Node) []any { return []any{&n.ID, &n.Place, &n.Name, &n.Beat, &n.Leaving} })
		})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading the other processes: %w", err)
	}
	return nodes, revision, nil
}

func (s *Store) leaseReader() reader {
	if s.engine.asideRead != nil {
		return s.engine.asideRead
	}
	return s.engine.read
}

// Lease is a job that a node has. Epoch is higher than that of any earlier
// lease.
type Lease struct {
	Kind, Name string
	Node       string
	Epoch      int64
}

const (
	sqlTakeLease = `INSERT INTO lease (kind, name, node, epoch) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, name) DO NOTHING`
	sqlEndLease = `DELETE FROM lease WHERE kind = $1 AND name = $2 AND node = $3 AND epoch = $4`
	sqlLeases   = `SELECT kind, name, node, epoch FROM lease`
)

// TakeLeases gives the node those of the jobs (Kind and Name) that nobody has,
// and returns them. The error wraps [ErrGone] when the node is gone.
func (s *Store) TakeLeases(ctx context.Context, node string, jobs []Lease) (taken []Lease, err error) {
	err = s.aside(ctx, func(tx *Tx) error {
		taken = nil
		if err := tx.beat(node); err != nil {
			return err
		}
		epoch, err := tx.raise()
		if err != nil {
			return err
		}
		for _, j := range jobs {
			n, err := tx.exec(sqlTakeLease, j.Kind, j.Name, node, epoch)
			if err != nil {
				return err
			}
			if n > 0 {
				taken = append(taken, Lease{Kind: j.Kind, Name: j.Name, Node: node, Epoch: epoch})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("taking jobs: %w", err)
	}
	return taken, nil
}

// EndLeases ends leases, so that others may take the jobs. Those that have
// ended already are no error.
func (s *Store) EndLeases(ctx context.Context, leases []Lease) error {
	err := s.aside(ctx, func(tx *Tx) error {
		if _, err := tx.raise(); err != nil {
			return err
		}
		for _, l := range leases {
			if _, err := tx.exec(sqlEndLease, l.Kind, l.Name, l.Node, l.Epoch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("giving jobs away: %w", err)
	}
	return nil
}

// Leases returns every lease.
func (s *Store) Leases(ctx context.Context) ([]Lease, error) {
	var all []Lease
	err := s.leaseReader().rows(ctx, sqlLeases, nil, func(scan scanFunc) error {
		return appendRow(&all, scan, func(l *Lease) []any { return []any{&l.Kind, &l.Name, &l.Node, &l.Epoch} })
	})
	if err != nil {
		return nil, fmt.Errorf("reading who works on what: %w", err)
	}
	return all, nil
}
