"""A repository as the one who releases has it: keys, signed metadata, and what is added to them."""
