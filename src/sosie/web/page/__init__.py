"""The page: search, products, catalogue, map and quality, rendered on the server and quick in the browser."""
