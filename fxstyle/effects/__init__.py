"""Effects as plain data, the hosts that run them, and the renderer everything else uses."""
