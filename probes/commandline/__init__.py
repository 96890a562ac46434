"""Which flags a program defines, read from its code and its types, and those of a command line among them. Nothing is run."""
