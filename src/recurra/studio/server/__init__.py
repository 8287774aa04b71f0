"""HTTP: who may ask, the JSON, and the application put together."""
