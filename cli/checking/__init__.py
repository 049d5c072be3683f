"""The parts of `g2 check`: what is run, how its result looks and is kept."""
