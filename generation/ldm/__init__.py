"""Latent diffusion: autoencoder, conditional U-Net, noise schedule, sampling and training."""
