"""The published MONAI bundle: reading its folder as data, its weights, and fetching it."""
