"""The parts of `g2 fix`: where a result comes from, which offers are meant, how they are shown, asked for, written."""
