"""Pictures: pure functions, arrays in, picture out (uint8, height × width × 3).

May import ``metrics``, for the numbers of what is drawn, and ``system``, for files of pictures.
"""
