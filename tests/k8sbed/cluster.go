package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiServerIdentity is the user as which the API server calls nodes; a node admits nobody else.
const apiServerIdentity = "k8sbed-apiserver"

const namespace = "default"

// A cluster is the control plane.
type cluster struct {
	dir, url string
	ca       *issuer
	client   kubernetes.Interface
	etcd     *embed.Etcd
	cancel   context.CancelFunc
	ended    chan error // the API server's end
}

func startCluster(ctx context.Context, dir string, flags []string) (_ *cluster, err error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &cluster{dir: dir, cancel: cancel, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if c.ca, err = newIssuer(); err != nil {
		return nil, err
	}
	if err = os.WriteFile(filepath.Join(dir, "ca.crt"), c.ca.pem, 0o600); err != nil {
		return nil, err
	}
	if err = c.startEtcd(); err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	if err = c.startAPIServer(ctx, flags); err != nil {
		return nil, fmt.Errorf("API server: %w", err)
	}
	admin, err := c.config("admin", "system:masters")
	if err != nil {
		return nil, err
	}
	admin.QPS, admin.Burst = 500, 500
	if c.client, err = kubernetes.NewForConfig(admin); err != nil {
		return nil, err
	}
	return c, c.until(ctx, "the API server", func() error {
		_, err := c.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		return err
	})
}

func (c *cluster) startEtcd() error {
	config := embed.NewConfig()
	config.Dir, config.LogLevel = filepath.Join(c.dir, "etcd"), "fatal"
	// One member with nothing worth keeping: no fsync, and no second spent on waiting for rivals to be elected.
	config.UnsafeNoFsync, config.TickMs, config.ElectionMs = true, 10, 100
	client, err := unusedAddress()
	if err != nil {
		return err
	}
	peer, err := unusedAddress()
	if err != nil {
		return err
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	if c.etcd, err = embed.StartEtcd(config); err != nil {
		return err
	}
	select {
	case <-c.etcd.Server.ReadyNotify():
		return nil
	case err := <-c.etcd.Err():
		return err
	case <-time.After(time.Minute):
		return errors.New("not ready after a minute")
	}
}

func unusedAddress() (url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return url.URL{}, err
	}
	return url.URL{Scheme: "http", Host: l.Addr().String()}, l.Close()
}

// startAPIServer runs kube-apiserver in this process, which it can do only once: its state is the process's.
func (c *cluster) startAPIServer(ctx context.Context, flags []string) error {
	servingCert, servingKey, err := c.ca.files(c.dir, "apiserver", "kube-apiserver")
	if err != nil {
		return err
	}
	nodeCert, nodeKey, err := c.ca.files(c.dir, "apiserver-to-node", apiServerIdentity)
	if err != nil {
		return err
	}
	_, accountKey, err := c.ca.files(c.dir, "service-account", "service-account")
	if err != nil {
		return err
	}
	authority := filepath.Join(c.dir, "ca.crt")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := options.NewServerRunOptions()
	server.SecureServing.Listener = listener
	server.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	set := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, some := range server.Flags().FlagSets {
		set.AddFlagSet(some)
	}
	err = set.Parse(append([]string{
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // the default refuses loopback
		"--etcd-servers=" + c.etcd.Config().ListenClientUrls[0].String(),
		"--cert-dir=" + c.dir, "--tls-cert-file=" + servingCert, "--tls-private-key-file=" + servingKey,
		"--client-ca-file=" + authority, "--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://127.0.0.1/",
		"--service-account-signing-key-file=" + accountKey, "--service-account-key-file=" + accountKey,
		"--disable-admission-plugins=ServiceAccount", // it wants an account that no controller makes here
		"--kubelet-client-certificate=" + nodeCert, "--kubelet-client-key=" + nodeKey,
		"--kubelet-certificate-authority=" + authority, "--kubelet-preferred-address-types=InternalIP",
		"--shutdown-delay-duration=0s", "--enable-priority-and-fairness=false", "--profiling=false",
	}, flags...))
	if err != nil {
		return err
	}
	if err := server.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if wrong := completed.Validate(); len(wrong) > 0 {
		return utilerrors.NewAggregate(wrong)
	}
	c.url = "https://" + listener.Addr().String()
	go func() { c.ended <- app.Run(ctx, completed) }()
	return nil
}

// until tries for a minute, and gives up at once when the API server ends.
func (c *cluster) until(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case ended := <-c.ended:
			c.ended <- ended
			return fmt.Errorf("the API server ended: %w", ended)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (c *cluster) config(user string, groups ...string) (*rest.Config, error) {
	id, err := c.ca.issue(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{Host: c.url, TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.pem, CertData: id.cert, KeyData: id.key}}, nil
}

// kubeconfig writes a file with which to be that user and returns its path.
func (c *cluster) kubeconfig(user string, groups ...string) (string, error) {
	config, err := c.config(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, user+".kubeconfig")
	file := clientcmdapi.NewConfig()
	file.Clusters["bed"] = &clientcmdapi.Cluster{Server: c.url, CertificateAuthorityData: config.CAData}
	file.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	file.Contexts["bed"] = &clientcmdapi.Context{Cluster: "bed", AuthInfo: user, Namespace: namespace}
	file.CurrentContext = "bed"
	return path, clientcmd.WriteToFile(*file, path)
}

// grant lets a user see pods and use the verbs on pods/exec.
func (c *cluster) grant(ctx context.Context, user string, verbs []string) error {
	meta := metav1.ObjectMeta{Name: user, Namespace: namespace}
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}}}
	if len(verbs) > 0 {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: verbs})
	}
	api := c.client.RbacV1()
	if _, err := api.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := api.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	return err
}

// createPod makes a pod of two containers, main and side, bound to a node. Its kind may be "".
func (c *cluster) createPod(ctx context.Context, name, on, kind string) error {
	grace := int64(0)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": name}, Annotations: map[string]string{kindOf: kind}},
		Spec:       corev1.PodSpec{NodeName: on, TerminationGracePeriodSeconds: &grace},
	}
	for _, container := range []string{"main", "side"} {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: container, Image: "none"})
	}
	_, err := c.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

func (c *cluster) runPod(ctx context.Context, name, on, kind string) error {
	if err := c.createPod(ctx, name, on, kind); err != nil {
		return err
	}
	return c.until(ctx, "pod "+name, func() error {
		pod, err := c.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("is %s", pod.Status.Phase)
		}
		return err
	})
}

func (c *cluster) deletePod(ctx context.Context, name string) error {
	pods := c.client.CoreV1().Pods(namespace)
	if err := pods.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return c.until(ctx, "pod "+name, func() error {
		_, err := pods.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("is still there"), err)
	})
}

func (c *cluster) stop() {
	c.cancel()
	if c.url != "" {
		select {
		case <-c.ended:
		case <-time.After(15 * time.Second):
		}
	}
	if c.etcd != nil {
		c.etcd.Close()
	}
}
