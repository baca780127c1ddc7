"""Tables in, results out: the statistics behind the ten questions."""
