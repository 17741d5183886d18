"""How fast training is, beside a plain PyTorch loop: what ``scripts/benchmark.py`` measures.

Beside the package, as nothing in it may need it; may import all of it.
"""
