// Package kube is the Kubernetes transport: it opens programs in a container of a pod through the API server's exec
// subresource, over WebSocket (v5.channel.k8s.io) or, where a server or a proxy does not take that, over SPDY.
//
// The package speaks the two framings itself, on the connections that the Kubernetes client library upgrades. That
// library's own executor takes a connection that ends without a status for a success; here a status that did not come
// is a missing status, so that an evicted pod or a lost API server never looks like exit code 0.
//
// A Transport is bound to one container: the pod's uid and the container's id are compared before every program, so
// that another pod that takes the name does not get the session.
package kube
