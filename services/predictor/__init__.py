"""Predictor of an InferenceService: entity keys in, features from Feast's online store, probability out.

A request passes three steps, each timed and returned in `Server-Timing`:

1. `protocol` checks the body (V1 or V2 of KServe's data plane) against the feature service's join keys.
2. `reader` fetches every feature view of the service in one pipelined Redis round trip, by a `plan` that was
   compiled from Feast's registry at start and is renewed in the background.
3. `model` applies the registered MLflow model natively.

Semantics of absence, the same for both protocols:

- No row for an entity in a feature view: 404 with the entity and its key. There is no default prediction.
- A row whose single feature is null: NaN, which the model was trained to read.
- A feature view's `ttl` is not applied, as in Feast 0.67's own Redis reads; rows expire only by the online store's
  `key_ttl_seconds`, and then count as absent.
"""

__version__ = "0.1.0"
