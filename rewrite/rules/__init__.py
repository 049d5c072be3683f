"""One rewrite per file; RULE is all of it. See rewrite/rule.py."""
