"""The Pulumi program: settings, substrate, platform, outputs."""
