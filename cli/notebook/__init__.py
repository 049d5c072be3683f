"""What a notebook loads by `%load_ext g2`."""
