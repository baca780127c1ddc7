"""Scripts that print the numbers of README and docs; run as modules: `python -m benchmarks.validate DATA`.

As modules, because a script's own folder comes first on the path, where `analysis.py` would hide the package `analysis`.
"""
