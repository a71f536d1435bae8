"""Random calls of the whole library, each in a child that may die: python -m ci.fuzz --help."""
