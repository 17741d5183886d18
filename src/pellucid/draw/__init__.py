"""Pictures: pure functions, arrays in, picture out (uint8, height × width × 3). They save nothing."""
