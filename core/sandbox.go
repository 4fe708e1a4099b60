package execkit

import (
	"path/filepath"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// SandboxOptions are the options of the target "sandbox".
type SandboxOptions = wire.SandboxOptions

// newSandboxTarget makes a local target that the kernel confines whatever the policy says: programs are free, and what
// they may write, read and reach is not. Without the kernel's part there is no such session.
func newSandboxTarget(c *Config) (*localTarget, error) {
	if c.Sandbox.Base != "" {
		return nil, errdefs.New(errdefs.Unsupported, "sandbox.base: a sandbox from an image is not available in this version").
			WithHint("leave it out for a confined local session, or open docker://container").WithDetail("field", "sandbox.base")
	}
	t, err := newLocalTarget(c)
	if err != nil {
		return nil, err
	}
	t.sandbox = &c.Sandbox
	return t, nil
}

// sandbox adds the sandbox's own wishes. Where the policy asks for nothing of the kernel, they stand alone.
func (p *plan) sandbox(o *wire.SandboxOptions) {
	if p.off != "" {
		p.policies, p.off = nil, ""
	}
	p.confined = o
}

func (t *localTarget) sandboxNeeds(o *wire.SandboxOptions) needs {
	absolute := func(trees []string) []string {
		all := make([]string, 0, len(trees)+1)
		for _, tree := range trees {
			if !filepath.IsAbs(tree) {
				tree = filepath.Join(t.first.cwd, tree)
			}
			all = append(all, filepath.Clean(tree))
		}
		return all
	}
	n := needs{any: "the sandbox", because: make(map[string]string), write: []string{t.first.cwd}}
	if o.Write != nil {
		n.write = absolute(*o.Write)
	}
	if o.Read != nil {
		n.read = absolute(o.Read)
	}
	if o.Network != nil {
		n.network, n.ports = o.Network.All || len(o.Network.Ports) > 0, o.Network.Ports
	}
	return n
}
