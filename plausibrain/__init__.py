"""What to run and where: command line, configuration and pipeline."""
