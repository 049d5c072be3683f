"""The parts of g2 scan: which files, what of the findings is new, how they are shown."""
