"""The commands of g2, one file each. The file's name is the command's; it holds a click command
called `command`.
"""
