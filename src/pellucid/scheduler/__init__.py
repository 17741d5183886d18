"""Learning rates over a training: closed functions of the step and of how many there will be.

Nothing here knows Lightning, tasks or runs: who trains says how many steps there are.
May import ``system``.
"""
