package docker

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// fatal are the events after which nothing that runs in the container can be told from what ran before.
var fatal = map[events.Action]string{
	events.ActionDie: "it ended", events.ActionPause: "it was paused", events.ActionDestroy: "it was removed", events.ActionOOM: "",
}

// watch follows the engine's events on the container for as long as the transport is open: a paused container and an
// engine that is gone say nothing on the programs' own connections.
func (t *Transport) watch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watching || t.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.watching, t.ended = true, cancel
	go t.follow(ctx)
}

func (t *Transport) follow(ctx context.Context) {
	defer func() {
		t.mu.Lock()
		t.watching = false
		t.mu.Unlock()
	}()
	stream := t.client.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("container", t.id).Add("type", "container")})
	for {
		select {
		case m := <-stream.Messages:
			if why := fatal[m.Action]; why != "" {
				t.cut("the container is not there any more: " + why)
			}
		case <-stream.Err:
			if ctx.Err() != nil {
				return
			}
			// The engine is gone, or it only gave this stream up.
			ask, cancel := context.WithTimeout(ctx, time.Second)
			_, err := t.client.ContainerInspect(ask, t.id, client.ContainerInspectOptions{})
			cancel()
			if err != nil && ctx.Err() == nil {
				t.cut("the Docker engine does not answer any more")
			}
			return
		}
	}
}

// cut ends every program's connection as lost.
func (t *Transport) cut(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.open {
		p.lose(why)
	}
}
