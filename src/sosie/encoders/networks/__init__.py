"""Torch modules of the networks, imported only when one has to be exported."""
