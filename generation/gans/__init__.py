"""The adversarial models: LSGAN and VAE-GAN."""
