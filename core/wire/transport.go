package wire

// SSHOptions are the options of ssh:// targets. What is absent comes from the user's ssh configuration.
type SSHOptions struct {
	// Host is a host name, an address or an alias of the ssh configuration; for a target given as an object.
	Host string `json:"host,omitempty"`
	User string `json:"user,omitempty"`
	Port int    `json:"port,omitempty"`
	// KeyPath is a private key file, KeyPassphrase its passphrase, CertificatePath an OpenSSH certificate for it.
	KeyPath         string `json:"key_path,omitempty"`
	KeyPassphrase   string `json:"key_passphrase,omitempty"`
	CertificatePath string `json:"certificate_path,omitempty"`
	Password        string `json:"password,omitempty"`
	// Agent says whether the agent at SSH_AUTH_SOCK is asked; true by default.
	Agent *bool `json:"agent,omitempty"`
	// Config is the path of an ssh configuration file, or false for none; the user's and the system's by default.
	Config *PathOrFalse `json:"config,omitempty"`
	// KnownHosts are files of host keys; the user's and the system's by default.
	KnownHosts Strings `json:"known_hosts,omitempty"`
	// HostKey is "strict" (the default), "accept_new", "ask", "pin" (with Fingerprint) or "insecure_accept_any".
	HostKey string `json:"host_key,omitempty"`
	// Fingerprint is the SHA256:… form that ssh-keygen -l prints.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Jump is a ProxyJump list: [user@]host[:port], separated by commas.
	Jump string `json:"jump,omitempty"`
	// ConnectTimeoutMS bounds each step of connecting; KeepaliveMS is the interval of keepalives, 0 for the default.
	ConnectTimeoutMS int64 `json:"connect_timeout_ms,omitempty"`
	KeepaliveMS      int64 `json:"keepalive_ms,omitempty"`
	// Pool says whether sessions to one account share connections; true by default.
	Pool *bool `json:"pool,omitempty"`
}

// DockerOptions are the options of docker:// targets.
type DockerOptions struct {
	// Container is a name or an id; for a target given as an object.
	Container string `json:"container,omitempty"`
	// Host is the engine's address as in DOCKER_HOST; Context names a docker context.
	Host    string             `json:"host,omitempty"`
	Context string             `json:"context,omitempty"`
	User    string             `json:"user,omitempty"`
	Workdir string             `json:"workdir,omitempty"`
	Env     map[string]*string `json:"env,omitempty"`
	TLS     *DockerTLS         `json:"tls,omitempty"`
	// Privileged runs the shell with every privilege of the host.
	Privileged bool `json:"privileged,omitempty"`
}

// DockerTLS names PEM files for an engine behind TLS.
type DockerTLS struct {
	CA   string `json:"ca,omitempty"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
}

// SandboxOptions are the options of the target "sandbox": a local session that the kernel confines.
type SandboxOptions struct {
	// Read are the trees that may be read besides the system's own and those of Write; everything when absent.
	Read Strings `json:"read,omitempty"`
	// Write are the trees that may be written; the session's first directory when absent, none when empty.
	Write *Strings `json:"write,omitempty"`
	// Network is true for an open network, or a list of the TCP ports that may be connected to; none when absent.
	Network *Network `json:"network,omitempty"`
	// Base is for sandboxes that are made from an image, which this one is not.
	Base string `json:"base,omitempty"`
}

// K8sOptions are the options of k8s:// targets.
type K8sOptions struct {
	// Kubeconfig is the path of a kubeconfig file; KUBECONFIG, then the user's own, then the cluster's by default.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	// Pod names the pod; for a target given as an object. Selector chooses one by its labels instead.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Selector  string `json:"selector,omitempty"`
	// As is the user to impersonate.
	As string `json:"as,omitempty"`
	// Protocol is "auto" (the default), "websocket" or "spdy".
	Protocol string `json:"protocol,omitempty"`
}
