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
	members map[*Host]*member
}

// A member is a session that a guardian watches over.
type member struct {
	program transport.Process // on the connection
	groups  map[int]bool      // as in Host
}

var (
	guardiansMu sync.Mutex
	guardians   = make(map[any]*guardian) // by carrier, while they have members
)

// guardianOf returns the guardian of a connection, or a new one for nil.
func guardianOf(carrier any) *guardian {
	if carrier == nil {
		return &guardian{members: make(map[*Host]*member)}
	}
	guardiansMu.Lock()
	defer guardiansMu.Unlock()
	g := guardians[carrier]
	if g == nil {
		g = &guardian{carrier: carrier, members: make(map[*Host]*member)}
		guardians[carrier] = g
	}
	return g
}

// watch adds a session, which has a program on the connection.
func (g *guardian) watch(h *Host, program transport.Process, groups map[int]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members[h] = &member{program, groups}
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
		for _, m := range g.members {
			beside = m.program
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

// tell tells the steward what it has to end; the lock is held.
func (g *guardian) tell(ctx context.Context) error {
	if g.steward == nil {
		return errors.New("there is no second shell")
	}
	var kill, end []string
	for h, m := range g.members {
		for group, clerk := range m.groups {
			if clerk {
				end = append(end, strconv.Itoa(group))
			} else {
				kill = append(kill, strconv.Itoa(group)+":"+h.tag)
			}
		}
	}
	slices.Sort(kill)
	_, err := g.steward.ask(ctx, "ek_g="+engine.Quote(strings.Join(kill, " "))+";ek_c="+engine.Quote(strings.Join(end, " ")))
	return err
}

// keep sets the groups of a session.
func (g *guardian) keep(ctx context.Context, h *Host, groups map[int]bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.members[h]
	if m == nil {
		return errors.New("the session was closed")
	}
	m.groups = groups
	return g.tell(ctx)
}

// leave ends the watch over a session, and with the last one the steward, which first ends what it still keeps.
func (g *guardian) leave(h *Host) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) > 1 {
		if m := g.members[h]; m != nil && len(m.groups) > 0 && g.steward != nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			for group, clerk := range m.groups {
				if clerk {
					_ = g.steward.signal(ctx, "TERM", -group)
				} else {
					_, _ = g.steward.end(ctx, group, h.tag)
				}
			}
			delete(g.members, h)
			_ = g.tell(ctx)
		}
		delete(g.members, h)
		return
	}
	delete(g.members, h)
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
