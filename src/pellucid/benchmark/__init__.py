"""How fast training is, beside a plain PyTorch loop. May import ``engine`` and what is below."""
