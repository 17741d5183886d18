"""The pages of a run and of a sweep: what is known in, an HTML document out.

May import all below.
"""
