"""Predictor of an InferenceService: takes entity keys, reads features from Feast's online store, returns probabilities.

A request is handled in three steps:

1. `protocol` checks the body (V1 or V2 of KServe's data plane) against the feature service's join keys.
2. `reader` fetches all feature views of the service in one pipelined Redis round trip. It follows a `plan` that was
   compiled from Feast's registry at start and is refreshed in the background.
3. `model` applies the registered MLflow model, natively if possible.

The response header `Server-Timing` has the durations of reading the features, applying the model, and the total.

Both protocols treat missing data in the same way:

- An entity without a row in a feature view: 404 with the entity and its key. There is no default prediction.
- A row with a feature that is null: NaN, which the model was trained with.
- A feature view's `ttl` is not applied, as in Redis reads of Feast 0.67. Rows expire only by the online store's
  `key_ttl_seconds`; an expired row counts as missing.
"""

__version__ = "0.1.0"
