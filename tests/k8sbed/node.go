package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apimachinery/pkg/watch"
	streamproxy "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/kubernetes"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// A node stands in for a machine with a kubelet: it says that the pods bound to it run, and serves exec for them.
type node struct {
	name    string
	dir     string
	client  kubernetes.Interface
	streams streaming.Server
	extends bool // it takes WebSocket itself

	mu      sync.Mutex
	running map[string]*podOnNode // by name
}

type podOnNode struct {
	uid        types.UID
	containers map[string]*container
}

func startNode(ctx context.Context, c *cluster, name string, features []string) (*node, error) {
	n := &node{name: name, dir: c.dir, client: c.client, extends: len(features) > 0, running: map[string]*podOnNode{}}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	config := streaming.DefaultConfig
	config.Addr = inner.Addr().String()
	config.BaseURL = &url.URL{Scheme: "http", Host: config.Addr}
	if n.streams, err = streaming.NewServer(config, runtime{n}); err != nil {
		return nil, err
	}
	outer, err := n.listen(c.ca)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/"+namespace+"/{pod}/{container}", n.exec)
	for listener, handler := range map[net.Listener]http.Handler{inner: n.streams, outer: mux} {
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(listener) }()
		context.AfterFunc(ctx, func() { _ = server.Close() })
	}
	if err := n.register(ctx, outer.Addr().(*net.TCPAddr).Port, features); err != nil {
		return nil, err
	}
	pods, err := c.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", name).String(),
	})
	if err != nil {
		return nil, err
	}
	go n.follow(ctx, pods)
	return n, nil
}

// listen opens the node's own port, which asks for the certificate of the API server. HTTP/2 has no upgrades.
func (n *node) listen(ca *issuer) (net.Listener, error) {
	id, err := ca.issue("system:node:"+n.name, "system:nodes")
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(id.cert, id.key)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.cert)
	return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"http/1.1"},
		VerifyConnection: func(s tls.ConnectionState) error {
			if who := s.PeerCertificates[0].Subject.CommonName; who != apiServerIdentity {
				return fmt.Errorf("%s is not the API server", who)
			}
			return nil
		},
	})
}

func (n *node) register(ctx context.Context, port int, features []string) error {
	nodes := n.client.CoreV1().Nodes()
	made, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	made.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	made.Status.DeclaredFeatures = features
	_, err = nodes.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return err
}

// follow starts and ends pods as the API server says.
func (n *node) follow(ctx context.Context, pods watch.Interface) {
	defer pods.Stop()
	for event := range pods.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			continue
		}
		var err error
		switch {
		case event.Type == watch.Deleted:
			n.end(pod)
		case pod.DeletionTimestamp != nil:
			n.end(pod)
			now := int64(0)
			_ = n.client.CoreV1().Pods(namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		default:
			err = n.start(ctx, pod)
		}
		if err != nil && ctx.Err() == nil {
			fmt.Printf("{\"error\": %q}\n", err)
		}
	}
}

func (n *node) start(ctx context.Context, pod *corev1.Pod) error {
	n.mu.Lock()
	if known := n.running[pod.Name]; known != nil && known.uid == pod.UID {
		n.mu.Unlock()
		return nil
	}
	p := &podOnNode{uid: pod.UID, containers: map[string]*container{}}
	n.running[pod.Name] = p
	for _, c := range pod.Spec.Containers {
		p.containers[c.Name] = n.newContainer(pod.Annotations[kindOf])
	}
	n.mu.Unlock()
	return n.tell(ctx, pod, p, 0)
}

// tell writes the status of a running pod.
func (n *node) tell(ctx context.Context, pod *corev1.Pod, p *podOnNode, restarts int32) error {
	now, yes := metav1.Now(), true
	status := corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "127.0.0.1", PodIP: "127.0.0.1", StartTime: &now}
	status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}}
	n.mu.Lock()
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ContainerID: "k8sbed://" + p.containers[c.Name].id, Ready: true, Started: &yes, RestartCount: restarts,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	n.mu.Unlock()
	pod = pod.DeepCopy()
	pod.Status = status
	_, err := n.client.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// restart ends the containers of a pod and starts others in their place.
func (n *node) restart(ctx context.Context, name string) error {
	pod, err := n.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	n.mu.Lock()
	p := n.running[name]
	if p == nil {
		n.mu.Unlock()
		return errors.New("no such pod on the node")
	}
	old := p.containers
	p.containers = map[string]*container{}
	for container := range old {
		p.containers[container] = n.newContainer(pod.Annotations[kindOf])
	}
	n.mu.Unlock()
	for _, c := range old {
		c.end()
	}
	return n.tell(ctx, pod, p, 1)
}

func (n *node) end(pod *corev1.Pod) {
	n.mu.Lock()
	p := n.running[pod.Name]
	if p != nil && p.uid == pod.UID && len(p.containers) > 0 {
		n.running[pod.Name] = &podOnNode{uid: pod.UID} // known, so that it is not started again
	} else {
		p = nil
	}
	n.mu.Unlock()
	if p != nil {
		for _, c := range p.containers {
			c.end()
		}
	}
}

func (n *node) find(found func(pod, name string, c *container) bool) *container {
	n.mu.Lock()
	defer n.mu.Unlock()
	for pod, p := range n.running {
		for name, c := range p.containers {
			if found(pod, name, c) {
				return c
			}
		}
	}
	return nil
}

// exec is what a kubelet does: it asks the runtime for an address that holds once, and passes the request on to it.
func (n *node) exec(w http.ResponseWriter, r *http.Request) {
	o, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := n.find(func(pod, name string, _ *container) bool {
		return pod == r.PathValue("pod") && name == r.PathValue("container")
	})
	if c == nil {
		http.Error(w, "container not found", http.StatusNotFound)
		return
	}
	answer, err := n.streams.GetExec(&cri.ExecRequest{
		ContainerId: c.id, Cmd: r.URL.Query()["command"], Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY,
	})
	if err != nil {
		_ = streaming.WriteError(err, w)
		return
	}
	to, err := url.Parse(answer.Url)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if n.extends && wsstream.IsWebSocketRequestWithStreamCloseProtocol(r) {
		streamproxy.NewStreamTranslatorHandler(to, nil, 0, streamproxy.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY}).ServeHTTP(w, r)
		return
	}
	proxy.NewUpgradeAwareHandler(to, nil, false, true, refuser{}).ServeHTTP(w, r)
}

type refuser struct{}

func (refuser) Error(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
