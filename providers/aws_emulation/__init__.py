"""An offline `aws` provider plugin: maps Pulumi's resource types to API calls of an emulated account.

`kinds/*.yaml` maps each type to API calls. moto answers the calls on loopback. Calls that moto does not support
(`kept.yaml`) are checked against botocore's service model, and their parameters are stored in a folder. The plugin
refuses every endpoint that is not on loopback, so it cannot reach AWS.
"""
