"""Indexes over vectors and words: exact, codes (4-bit scan), graph (HNSW), words (inverted index)."""
