"""How fast training is, beside a plain PyTorch loop. May import all below."""
