"""Triton kernels assembled for a GPU that need not be there: `python -m g2.check.child.assemble FOLDER --target
sm_90`.
"""
