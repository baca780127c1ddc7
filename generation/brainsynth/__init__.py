"""BrainSynth: codes of images, an absorbing diffusion of the codes, sampling and training."""
