"""Facts to a judgement: what is gathered, the rules, the verdict."""
