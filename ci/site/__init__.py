"""Check the built documentation: its files by parsing, its pages in a browser."""
