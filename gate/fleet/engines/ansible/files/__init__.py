"""Files that are the same for every plan; the name of each is its place, with `.` for a folder."""
