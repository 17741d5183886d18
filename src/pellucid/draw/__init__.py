"""Pictures: pure functions, arrays in, picture out (uint8, height × width × 3).

May import ``system``, for files of pictures.
"""
