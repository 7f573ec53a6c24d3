"""The trading robot from outside: a stand-in for it, and everything that talks to it."""
