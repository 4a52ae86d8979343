package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

const (
	// exitAfterMessage is the exit status of the script after it has reported an error to the engine.
	exitAfterMessage = 32

	// stopTimeout is the time from SIGTERM to SIGKILL when a program is stopped.
	stopTimeout = 5 * time.Second

	// defaultParallel replaces larger values: without a limit, the engine sends the largest integer.
	defaultParallel = 1 << 15
)

// Run runs a program until it ends; the program registers its resources with the engine.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	command, err := python.Command(ctx, h.arguments(request)...)
	if err != nil {
		return nil, err
	}
	environment, err := configuration(request)
	if err != nil {
		return nil, err
	}
	command.Dir = request.GetPwd()
	command.Env = append(orInherited(command.Env), environment...)
	// The engine shows the output of this process as the program's output.
	code, err := h.await(ctx, command, os.Stdout, os.Stderr)
	switch {
	case err != nil:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program could not be run: %v", err)}, nil
	case code == exitAfterMessage:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case code != 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with status %d", code)}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

// arguments returns the command line of a program: the script and its options, the program and its arguments.
func (h *host) arguments(request *pulumirpc.RunRequest) []string {
	info := request.GetInfo()
	arguments := []string{"-u", h.script}
	give := func(name, value string) {
		if value != "" {
			arguments = append(arguments, "--"+name, value)
		}
	}
	parallel := int(request.GetParallel())
	if parallel > defaultParallel {
		parallel = defaultParallel
	}
	give("monitor", request.GetMonitorAddress())
	give("engine", h.engineAddress())
	give("project", request.GetProject())
	give("root_directory", info.GetRootDirectory())
	give("stack", request.GetStack())
	give("organization", request.GetOrganization())
	give("pwd", request.GetPwd())
	give("parallel", strconv.Itoa(parallel))
	give("dry_run", strconv.FormatBool(request.GetDryRun()))
	give("tracing", h.tracing)
	arguments = append(arguments, filepath.Join(info.GetProgramDirectory(), info.GetEntryPoint()))
	return append(arguments, request.GetArgs()...)
}

// configuration returns the environment variables that pass a stack's configuration, secrets included, to a program.
func configuration(request *pulumirpc.RunRequest) ([]string, error) {
	values, secrets := request.GetConfig(), request.GetConfigSecretKeys()
	if values == nil {
		values = map[string]string{}
	}
	if secrets == nil {
		secrets = []string{}
	}
	variables := []string{"PYTHONUNBUFFERED=1"}
	for name, content := range map[string]any{"PULUMI_CONFIG": values, "PULUMI_CONFIG_SECRET_KEYS": secrets} {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		variables = append(variables, name+"="+string(text))
	}
	return variables, nil
}

// RunPlugin runs a policy pack, or a provider that is written in Python, until it ends.
func (h *host) RunPlugin(
	request *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	ctx := server.Context()
	info := request.GetInfo()
	python, err := interpreterOf(info)
	if err != nil {
		return err
	}
	program := filepath.Join(info.GetProgramDirectory(), info.GetEntryPoint())
	arguments := []string{"-u"}
	if request.GetKind() == "analyzer" {
		arguments = append(append(append(arguments, "-m", "pulumi.policy"), request.GetArgs()...), program)
	} else {
		arguments = append(append(arguments, program), request.GetArgs()...)
	}
	command, err := python.Command(ctx, arguments...)
	if err != nil {
		return err
	}
	if folder, err := python.VirtualEnvPath(ctx); err == nil && folder != "" {
		command.Env = toolchain.ActivateVirtualEnv(request.GetEnv(), folder)
	} else {
		command.Env = request.GetEnv()
	}
	command.Env = append(command.Env, "PYTHONUNBUFFERED=1")
	command.Dir = request.GetPwd()
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	code, err := h.await(ctx, command, stdout, stderr)
	if closing := closer.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return server.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(code)},
	})
}

// await runs a command and returns its exit status. When the engine cancels, the command gets SIGTERM, and SIGKILL after
// stopTimeout. The command never outlives this process.
func (h *host) await(ctx context.Context, command *exec.Cmd, stdout, stderr io.Writer) (int, error) {
	// Pdeathsig is sent when the thread that started the process ends, so keep this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command.Stdout, command.Stderr = stdout, stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopTimeout
	if err := command.Start(); err != nil {
		return 0, err
	}
	release := context.AfterFunc(h.stopped, func() { _ = command.Cancel() })
	defer release()
	err := command.Wait()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return failed.ExitCode(), nil
	}
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return 0, err
}

func orInherited(environment []string) []string {
	if environment == nil {
		return os.Environ()
	}
	return environment
}
