"""What `g2 doctor` looks at, one file a subject. Each has `look(asked)`, which gives lines."""
