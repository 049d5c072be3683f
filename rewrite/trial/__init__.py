"""Child side of a trial: the text before and the text after, compared in forks of the running script."""
