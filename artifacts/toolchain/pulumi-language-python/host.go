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

// host answers the engine. What it leaves to the embedded type is answered with "unimplemented": making projects,
// packages and SDKs, which no operation on a stack needs.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	script  string
	tracing string

	mutex  sync.Mutex
	engine string

	// stopped ends every program when the engine cancels.
	stopped context.Context
	stop    context.CancelFunc
}

func newHost(engine, script, tracing string) *host {
	stopped, stop := context.WithCancel(context.Background())
	return &host{engine: engine, script: script, tracing: tracing, stopped: stopped, stop: stop}
}

// complaint returns an error message in the form of the project's own: what is wrong, what was seen, what to do.
func complaint(what, seen, next string) string {
	return fmt.Sprintf("%s\n  seen:    %s\n  next:    %s", what, seen, next)
}

func (h *host) engineAddress() string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.engine
}

// Handshake takes the engine's address where the command line did not give it.
func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.engine = request.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo tells the version, which is that of the engine it was built with.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: strings.TrimPrefix(version.Version, "v")}, nil
}

// Cancel ends every program and plugin that runs.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.stop()
	return &emptypb.Empty{}, nil
}

// About describes the Python of a program, for `pulumi about`.
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

// GetProgramDependencies lists the distributions in a program's environment.
//
// All of them: an environment does not record which ones were asked for.
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

// GetRequiredPackages lists the provider plugins that go with the packages in a program's environment.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	packages, err := python.packages(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: packages}, nil
}

// GetRequiredPlugins is the form of GetRequiredPackages that older engines ask for.
func (h *host) GetRequiredPlugins(
	ctx context.Context, request *pulumirpc.GetRequiredPluginsRequest,
) (*pulumirpc.GetRequiredPluginsResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	packages, err := python.packages(ctx)
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

// InstallDependencies refuses: the project's own command installs by hash what `pulumi install` would take from the
// index as it is today.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, _ pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	return status.Error(codes.FailedPrecondition, complaint(
		"`pulumi install` is not how this project's Python environments are made.",
		"asked to install into "+request.GetInfo().GetRootDirectory(),
		remedy,
	))
}

// RuntimeOptionsPrompts has nothing to ask.
func (h *host) RuntimeOptionsPrompts(
	context.Context, *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}
