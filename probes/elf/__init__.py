"""ELF files, whatever language they were written in: headers, image, symbols, relocations, what the loader needs."""
