// Serves Pulumi's Kubernetes provider, like the provider's own main package.
//
// The schema and the Terraform mapping are read from files in the folder of the executable. Embedding them would require
// a copy of the module's files in this folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	folder, err := folderOfExecutable()
	if err != nil {
		fail(err)
	}
	schema, err := os.ReadFile(filepath.Join(folder, "schema.json"))
	if err != nil {
		fail(err)
	}
	mapping, err := os.ReadFile(filepath.Join(folder, "terraform-mapping.json"))
	if err != nil {
		fail(err)
	}
	provider.Serve("kubernetes", version.Version, schema, mapping)
}

// folderOfExecutable returns the folder of the executable itself, not of a link to it.
func folderOfExecutable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	path, err = filepath.EvalSymlinks(path)
	return filepath.Dir(path), err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pulumi-resource-kubernetes:", err)
	os.Exit(1)
}
