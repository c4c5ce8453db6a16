"""Encoders learnt from the shop's own products: supervision, losses, fitting, an encoder folder."""
