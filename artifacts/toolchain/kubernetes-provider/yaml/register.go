// Package v2 registers the objects that the provider's components find in manifests.
package v2

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// registerResource registers an object by its kind.
//
// It replaces a function of the Go SDK that has a case with a separate Go type for each Kubernetes kind. The provider does
// not use these types, and compiling them takes three minutes. Type tokens are the same as the SDK's; for apiVersion v1,
// the token has the group name `core`.
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
