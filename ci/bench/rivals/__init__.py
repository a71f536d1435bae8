"""One module for each contestant; importing it imports the library that it times."""
