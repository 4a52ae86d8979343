package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// host implements the LanguageRuntime service. The embedded type returns "unimplemented" for all other methods, which
// make projects, packages and SDKs; operations on stacks do not need them.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	script  string
	tracing string

	mutex  sync.Mutex
	engine string

	// stopped is done when the engine cancels; this ends every program.
	stopped context.Context
	stop    context.CancelFunc
}

func newHost(engine, script, tracing string) *host {
	stopped, stop := context.WithCancel(context.Background())
	return &host{engine: engine, script: script, tracing: tracing, stopped: stopped, stop: stop}
}

// userError returns an error message in the project's form: what is wrong, what was seen, what to do next.
func userError(what, seen, next string) string {
	return fmt.Sprintf("%s\n  seen:    %s\n  next:    %s", what, seen, next)
}

func (h *host) engineAddress() string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.engine
}

// Handshake stores the engine's address, which newer engines do not pass on the command line.
func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.engine = request.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo returns the version of the Pulumi SDK that the host was built with.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: strings.TrimPrefix(version.Version, "v")}, nil
}

// Cancel ends all running programs and plugins.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.stop()
	return &emptypb.Empty{}, nil
}

// About returns executable and version of a program's Python, for `pulumi about`.
func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	found, err := python.describe(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: found.Executable,
		Version:    found.Version,
		Metadata:   map[string]string{"toolchain": python.name, "platform": runtime.GOOS + "/" + runtime.GOARCH},
	}, nil
}

// GetProgramDependencies lists all distributions in a program's environment, because an environment does not record
// which ones are direct dependencies.
func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	found, err := python.describe(ctx, "all")
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, name := range slices.Sorted(maps.Keys(found.Distributions)) {
		response.Dependencies = append(response.Dependencies, &pulumirpc.DependencyInfo{
			Name: name, Version: found.Distributions[name],
		})
	}
	return response, nil
}

// requiredPackages lists the provider plugins that the packages in a program's environment need.
func requiredPackages(ctx context.Context, info *pulumirpc.ProgramInfo) ([]*pulumirpc.PackageDependency, error) {
	python, err := interpreterOf(info)
	if err != nil {
		return nil, err
	}
	return python.packages(ctx)
}

// GetRequiredPackages lists the provider plugins that the packages in a program's environment need.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	packages, err := requiredPackages(ctx, request.GetInfo())
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: packages}, nil
}

// GetRequiredPlugins is the older form of GetRequiredPackages, for older engines.
func (h *host) GetRequiredPlugins(
	ctx context.Context, request *pulumirpc.GetRequiredPluginsRequest,
) (*pulumirpc.GetRequiredPluginsResponse, error) {
	packages, err := requiredPackages(ctx, request.GetInfo())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPluginsResponse{}
	for _, item := range packages {
		response.Plugins = append(response.Plugins, &pulumirpc.PluginDependency{
			Name: item.GetName(), Kind: item.GetKind(), Version: item.GetVersion(), Server: item.GetServer(),
		})
	}
	return response, nil
}

// InstallDependencies refuses: the project's own command installs pinned versions with hashes, whereas `pulumi install`
// would install the latest ones.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, _ pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	return status.Error(codes.FailedPrecondition, userError(
		"This project does not support `pulumi install`.",
		"a request to install into "+request.GetInfo().GetRootDirectory(),
		remedy,
	))
}

// RuntimeOptionsPrompts returns no prompts.
func (h *host) RuntimeOptionsPrompts(
	context.Context, *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}
