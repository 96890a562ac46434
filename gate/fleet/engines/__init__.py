"""Files for engines that carry a plan out, for people to read and keep: nothing in them depends on when and where they were written."""
