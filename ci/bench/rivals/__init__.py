"""One module for each contestant; importing it imports what it times."""
