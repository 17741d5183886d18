"""The pages of a run and of a sweep: what is known in, an HTML document out.

What both are made of lies here, each page in a folder of its own. May import all below.
"""
