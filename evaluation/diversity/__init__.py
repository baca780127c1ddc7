"""How alike the images of one cohort are: similarity among pairs."""
