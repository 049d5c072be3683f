"""One readable, runnable Python module per graph and target: `python -m g2.check.child.emit FOLDER --target sm_90 --to
DIR`.
"""
