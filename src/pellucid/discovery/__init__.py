"""What is found out about a net, a batch or a data set that somebody else wrote.

Knows torch alone, and others' classes by their attributes. May import ``inside``, ``metrics``, ``spec``.
"""
