// Serves Pulumi's Kubernetes provider, like the provider's own main package.
//
// The schema and the Terraform mapping are read from files in the folder of the executable. Embedding them would require
// a copy of the module's files in this folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

// parentPoll is the interval for checking whether the engine is still running, because it may be killed.
const parentPoll = time.Second

func main() {
	go endWithParent(os.Getppid())
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

// endWithParent ends this process when the engine has ended. The provider itself notices only after five minutes, and
// each one left behind takes 150 MiB.
func endWithParent(parent int) {
	for range time.Tick(parentPoll) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pulumi-resource-kubernetes:", err)
	os.Exit(1)
}
