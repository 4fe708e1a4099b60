// Command k8sbed is a Kubernetes cluster for tests, in one process and without root: the real etcd and the real
// kube-apiserver, with stand-ins for the nodes. A node runs each "container" as plain processes of this machine and
// serves exec through Kubernetes' own streaming server, so everything a client of exec can see is real, from
// authentication and RBAC to the framing and the translation of WebSocket to SPDY.
//
// It prints one line of JSON when it is ready, obeys the lines that come on its standard input (see main.go), and ends
// with it, so that it cannot outlive the test that started it.
//
// It is a module of its own: the API server takes minutes to compile, and its replace lines must not reach the product.
// Build with CGO_ENABLED=0, the same value each time, and do not vet ./... here: that loads all of Kubernetes.
package main
