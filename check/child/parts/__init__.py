"""The parts of an examination, one a file: each has a function `work(moment, asked, folder, tell)`."""
