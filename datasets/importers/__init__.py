"""One module an official format: it starts with the facts of the format, and makes a table of the file."""
