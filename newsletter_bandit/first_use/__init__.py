"""The first hour with somebody's own log: what its columns are, and the use case that follows from that.

From files to facts (`log`, `sniffing`), from facts to roles, recommenders and features (`roles`, `arms`,
`features`), from these and a person's answers (`answers`, `choosing`) to a `proposal`, and from that to the
files of a use case (`settings_file`, `writing`).
"""
