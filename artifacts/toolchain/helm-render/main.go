// helm-render prints what a chart renders to, with Helm's own loader and template engine. It contacts no cluster and
// needs no repository: the chart is a folder, values are a file, and equal input gives equal output.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

// Options are the command line's.
type Options struct {
	chart       string
	values      string
	release     string
	namespace   string
	kubeVersion string
	apiVersions string
	includeCRDs bool
}

func main() {
	var options Options
	flag.StringVar(&options.chart, "chart", "", "folder of the chart (required)")
	flag.StringVar(&options.values, "values", "", "YAML file with values")
	flag.StringVar(&options.release, "release", "release", "name of the release")
	flag.StringVar(&options.namespace, "namespace", "default", "namespace of the release")
	flag.StringVar(&options.kubeVersion, "kube-version", "1.36.3", "Kubernetes version the chart sees")
	flag.StringVar(&options.apiVersions, "api-versions", "", "API versions the chart sees beside the built-in ones, with commas")
	flag.BoolVar(&options.includeCRDs, "include-crds", false, "also print the chart's crds folder, first")
	flag.Parse()
	if err := run(options); err != nil {
		fmt.Fprintln(os.Stderr, "helm-render:", err)
		os.Exit(1)
	}
}

func run(options Options) error {
	if options.chart == "" || flag.NArg() > 0 {
		return errors.New("usage: helm-render --chart FOLDER [--values FILE] [--release NAME] [--namespace NAME]")
	}
	loaded, err := loader.LoadDir(options.chart)
	if err != nil {
		return err
	}
	rendered, err := render(loaded, options)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	if options.includeCRDs {
		for _, crd := range loaded.CRDObjects() {
			write(out, crd.Filename, string(crd.File.Data))
		}
	}
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if isManifest(name) && strings.TrimSpace(rendered[name]) != "" {
			write(out, name, rendered[name])
		}
	}
	return out.Flush()
}

// render returns the text of each template, by its path in the chart.
func render(loaded *chart.Chart, options Options) (map[string]string, error) {
	values := map[string]any{}
	if options.values != "" {
		read, err := common.ReadValuesFile(options.values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", options.values, err)
		}
		values = read
	}
	version, err := common.ParseKubeVersion(options.kubeVersion)
	if err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	if options.apiVersions != "" {
		added := strings.Split(options.apiVersions, ",")
		capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), added...)
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, err
	}
	release := common.ReleaseOptions{Name: options.release, Namespace: options.namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValues(loaded, values, release, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, top)
}

// isManifest tells manifests from notes and partial templates.
func isManifest(name string) bool {
	base := path.Base(name)
	return base != "NOTES.txt" && !strings.HasPrefix(base, "_")
}

// write prints one source as YAML of its own.
func write(out *bufio.Writer, name, text string) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "---") {
		text = "---\n" + text
	}
	fmt.Fprintf(out, "# Source: %s\n%s\n", name, text)
}
