"""Training of generative models: what to train, on what, and the loop that does it."""
