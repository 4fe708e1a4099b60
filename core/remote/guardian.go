package remote

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport"
)

// A guardian keeps one steward for all sessions whose programs share a connection, which is lost with all of them or
// with none: a steward on another connection would end sessions that live when its own breaks, and might be on another
// machine of the same name. Where each program has a connection of its own, so has each session its steward.
type guardian struct {
	carrier any

	mu      sync.Mutex
	steward *steward
	members map[*Host]transport.Process // the sessions that it watches over, each with a program on the connection
}

var (
	guardiansMu sync.Mutex
	guardians   = make(map[any]*guardian) // by carrier, while they have members
)

// guardianOf returns the guardian of a connection, or a new one for nil.
func guardianOf(carrier any) *guardian {
	if carrier == nil {
		return &guardian{members: make(map[*Host]transport.Process)}
	}
	guardiansMu.Lock()
	defer guardiansMu.Unlock()
	g := guardians[carrier]
	if g == nil {
		g = &guardian{carrier: carrier, members: make(map[*Host]transport.Process)}
		guardians[carrier] = g
	}
	return g
}

// watch adds a session, which has a program on the connection.
func (g *guardian) watch(h *Host, program transport.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members[h] = program
	if g.carrier != nil {
		// The last of its sessions may have left meanwhile.
		guardiansMu.Lock()
		guardians[g.carrier] = g
		guardiansMu.Unlock()
	}
}

// steer returns the steward, opening one where there is none that answers.
func (g *guardian) steer(ctx context.Context, t transport.Transport) (*steward, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.steward != nil && g.steward.alive() {
		return g.steward, nil
	}
	var beside transport.Process
	if g.carrier != nil {
		for _, beside = range g.members {
			break
		}
	}
	st, err := openSteward(ctx, t, beside)
	if err != nil {
		return nil, err
	}
	if g.steward != nil {
		st.replace(ctx, g.steward)
	}
	g.steward = st
	return st, g.tell(ctx)
}

// living returns the steward if it answers. It opens none, and does not wait while one is opened: a person may be asked.
func (g *guardian) living() *steward {
	if !g.mu.TryLock() {
		return nil
	}
	defer g.mu.Unlock()
	if g.steward == nil || !g.steward.alive() {
		return nil
	}
	return g.steward
}

// tell tells the steward what it has to end; the lock is held.
func (g *guardian) tell(ctx context.Context) error {
	if g.steward == nil {
		return errors.New("there is no second shell")
	}
	var kill, end []string
	for h := range g.members {
		for group, k := range h.kept() {
			if k.clerk {
				end = append(end, strconv.Itoa(group))
			} else {
				kill = append(kill, strconv.Itoa(group)+":"+k.tag)
			}
		}
	}
	slices.Sort(kill)
	_, err := g.steward.ask(ctx, "ek_g="+engine.Quote(strings.Join(kill, " "))+";ek_c="+engine.Quote(strings.Join(end, " ")))
	return err
}

// changed tells the steward what a session now keeps.
func (g *guardian) changed(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tell(ctx)
}

// leave ends the watch over a session, and with the last one the steward. What the session keeps is ended, unless it goes
// to another guardian and takes it along.
func (g *guardian) leave(h *Host, moves bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.members, h)
	if g.steward != nil && (moves || len(g.members) > 0) {
		g.part(h, moves)
	}
	if len(g.members) > 0 {
		return
	}
	if g.carrier != nil {
		guardiansMu.Lock()
		if guardians[g.carrier] == g {
			delete(guardians, g.carrier)
		}
		guardiansMu.Unlock()
	}
	if g.steward != nil {
		g.steward.close()
		g.steward = nil
	}
}

// part has the steward forget a session; the lock is held.
func (g *guardian) part(h *Host, moves bool) {
	kept := h.kept()
	if len(kept) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for group, k := range kept {
		switch {
		case moves:
		case k.clerk:
			_ = g.steward.signal(ctx, "TERM", -group)
		default:
			_, _ = g.steward.end(ctx, group, k.tag)
		}
	}
	_ = g.tell(ctx)
}
