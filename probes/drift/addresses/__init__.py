"""Whether two addresses mean the same: constants, descriptors, variables, dictionaries."""
