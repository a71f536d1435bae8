"""Where weights come from, and what they say of the model that they belong to."""
