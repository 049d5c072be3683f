"""What `g2 lsp` knows and says. Loaded with pygls and lsprotocol, which the extra `lsp` brings."""
