"""What the pytest plugin does once a test wants it. Nothing here is loaded before."""
