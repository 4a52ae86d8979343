"""The Pulumi program of every stack: settings, substrate, applications, outputs."""
