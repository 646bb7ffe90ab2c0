"""Conditions: read them, check them, decide them with the values that decided.

`model` reads and checks condition groups, `evaluate` decides one against a
`ConditionScope`, `operators` holds every operator.
"""
