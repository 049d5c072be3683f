"""Triton kernels run on the CPU by Triton's interpreter, and compared with what the ATen graph gives.

Triton must see TRITON_INTERPRET=1 when it is first imported, so all of this lives in a process of its own:
`python -m g2.check.child.interpret FOLDER --target sm_90`.
"""
