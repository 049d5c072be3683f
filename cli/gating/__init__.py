"""The parts of g2 gate: which entries a change reaches, what a run is compared with, how fast it is."""
