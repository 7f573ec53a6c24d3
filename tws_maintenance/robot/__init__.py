"""TWS Robot as seen from outside: over HTTP, and from inside its own process by `CacheGuard`.

What belongs here: reading what it holds and trades, its service of market events, its caches. What
does not: anything that trades. None of its packages is imported; they bring its broker client.
"""

from tws_maintenance.robot.cache_guard import CacheGuard

__all__ = ["CacheGuard"]
