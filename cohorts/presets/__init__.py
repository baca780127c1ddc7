"""What the files of public generators mean: one YAML file each."""
