"""An offline `aws` provider plugin: Pulumi's resource types as calls to an emulated account.

`kinds/*.yaml` maps each type to API calls. The emulation (moto on loopback) answers them; calls that it lacks
(`kept.yaml`) are checked against botocore's service model and kept in a folder. Nothing here can reach AWS: the
plugin refuses every endpoint that is not on loopback.
"""
