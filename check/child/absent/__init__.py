"""A GPU that is not there: what Inductor and Triton must be told so that they plan for it. One fork, one device."""
