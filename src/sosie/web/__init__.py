"""The service: the engine's questions and the store's writes over HTTP."""
