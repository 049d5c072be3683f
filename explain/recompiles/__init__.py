"""One kind of recompile per file; the file's name is the slug."""
