// Package v2 registers the objects that the provider's components find in manifests.
package v2

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// registerResource registers an object by its kind.
//
// The function of the Go SDK that it stands in for has a case with a Go type of its own for each kind of Kubernetes. The
// provider uses nothing of those types, and compiling them takes three minutes. Type tokens are the same: that of the
// core group alone names its group.
func registerResource(
	ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input, opts ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	if apiVersion == "v1" {
		apiVersion = "core/v1"
	}
	var res pulumi.CustomResourceState
	if err := ctx.RegisterResource(fmt.Sprintf("kubernetes:%s:%s", apiVersion, kind), name, props, &res, opts...); err != nil {
		return nil, err
	}
	return &res, nil
}
