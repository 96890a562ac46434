"""Types: layouts that changed, what reaches them, what codecs tolerate."""
