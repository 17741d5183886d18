"""Methods of explanation: why a net gives a class its score: one map an image. May import ``inside``."""
