package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// remedy is the next step for the user when a Python environment is missing or incomplete.
const remedy = "`make .mlp/venv.stamp` makes the program's environment, `eval \"$(mlp env)\"` the policy pack's;" +
	" `mlp doctor` checks the machine"

// interpreter is the Python that Pulumi.yaml, or PulumiPolicy.yaml, names.
type interpreter struct {
	toolchain.Toolchain
	name string
}

// description is what describeScript prints.
type description struct {
	Executable    string            `json:"executable"`
	Version       string            `json:"version"`
	Pulumi        bool              `json:"pulumi"`
	Plugins       map[string]plugin `json:"plugins"`
	Distributions map[string]string `json:"distributions"`
}

// plugin is the content of the file pulumi-plugin.json that a package of resources ships.
type plugin struct {
	Resource         bool   `json:"resource"`
	Name             string `json:"name"`
	Version          string `json:"version"`
	Server           string `json:"server"`
	Parameterization *struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Value   []byte `json:"value"`
	} `json:"parameterization"`
}

// interpreterOf returns the Python of a program; without one, the error has the next step.
func interpreterOf(info *pulumirpc.ProgramInfo) (*interpreter, error) {
	options := toolchain.PythonOptions{Root: info.GetRootDirectory(), ProgramDir: info.GetProgramDirectory()}
	given := info.GetOptions().AsMap()
	virtualenv, _ := given["virtualenv"].(string)
	options.Virtualenv = virtualenv
	name, _ := given["toolchain"].(string)
	switch strings.ToLower(name) {
	case "":
		name, options.Toolchain = "pip", toolchain.Auto
	case "pip":
		options.Toolchain = toolchain.Pip
	case "poetry":
		options.Toolchain = toolchain.Poetry
	case "uv":
		options.Toolchain = toolchain.Uv
	default:
		return nil, status.Error(codes.InvalidArgument, userError(
			"The option `toolchain` of the runtime is unknown.", name, "use pip, poetry or uv",
		))
	}
	if virtualenv != "" {
		folder := virtualenv
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(options.Root, folder)
		}
		if !toolchain.IsVirtualEnv(folder) {
			return nil, status.Error(codes.FailedPrecondition, userError(
				"The program's Python environment is missing.",
				fmt.Sprintf("no %s (option virtualenv: %s)", filepath.Join(folder, "bin", "python"), virtualenv),
				remedy,
			))
		}
	}
	chosen, err := toolchain.ResolveToolchain(options)
	if err != nil {
		return nil, err
	}
	return &interpreter{Toolchain: chosen, name: name}, nil
}

// describe runs describeScript and returns its output; with the argument `all`, distributions are listed too.
func (p *interpreter) describe(ctx context.Context, what ...string) (*description, error) {
	command, err := p.Command(ctx, append([]string{"-c", describeScript}, what...)...)
	if err != nil {
		return nil, err
	}
	output, err := command.Output()
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, userError(
			"Python does not start.", seen(command, err), remedy,
		))
	}
	found := &description{}
	if err := json.Unmarshal(output, found); err != nil {
		return nil, fmt.Errorf("reading the output of %s: %w", command.Path, err)
	}
	return found, nil
}

// packages returns the provider plugins that the installed packages need.
func (p *interpreter) packages(ctx context.Context) ([]*pulumirpc.PackageDependency, error) {
	found, err := p.describe(ctx)
	if err != nil {
		return nil, err
	}
	if !found.Pulumi {
		return nil, status.Error(codes.FailedPrecondition, userError(
			"The program's Python environment lacks Pulumi's SDK.", "no package `pulumi` for "+found.Executable, remedy,
		))
	}
	var packages []*pulumirpc.PackageDependency
	for _, folder := range slices.Sorted(maps.Keys(found.Plugins)) {
		if item := found.Plugins[folder]; item.Resource {
			packages = append(packages, dependency(folder, &item))
		}
	}
	return packages, nil
}

func dependency(folder string, read *plugin) *pulumirpc.PackageDependency {
	result := &pulumirpc.PackageDependency{Kind: "resource", Name: read.Name, Version: read.Version, Server: read.Server}
	if result.Name == "" {
		result.Name = strings.ReplaceAll(strings.TrimPrefix(folder, "pulumi_"), "_", "-")
	}
	if read.Parameterization != nil {
		result.Parameterization = &pulumirpc.PackageParameterization{
			Name:    read.Parameterization.Name,
			Version: read.Parameterization.Version,
			Value:   read.Parameterization.Value,
		}
	}
	return result
}

// seen returns how a command failed, with the last line of its error output.
func seen(command *exec.Cmd, err error) string {
	text := command.Path + ": " + err.Error()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		lines := strings.Split(strings.TrimSpace(string(failed.Stderr)), "\n")
		text += ": " + lines[len(lines)-1]
	}
	if _, missing := os.Stat(command.Path); missing != nil {
		text = "no " + command.Path
	}
	return text
}
