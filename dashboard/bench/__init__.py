"""Speed, measured on the machine it runs on: each figure beside a reference from the same run (`carillon bench`, tests/bench).

Absolute figures drift from run to run and from machine to machine, a ratio to a bare statement measured in between does not. So
Carillon and its reference take turns, and the median of the rounds counts.
"""
