//go:build !nokube

package all

import (
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/kube"
)

func addKube(r transport.Registry) { r["k8s"] = kube.Open }
