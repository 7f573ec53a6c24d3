"""Whether the robot's caches have seen what was published: asked, never assumed."""

from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.core.errors import RobotError, RobotUnreachable
from tws_maintenance.robot.client import CACHES, RobotClient

INVALIDATED, NOT_CONFIRMED, UNREACHABLE = "invalidated", "not_confirmed", "unreachable"
LASTS = "Its screener may serve the old list until its cache expires, in 15 minutes at most."


def confirm(settings: RobotSettings, key: str, generation: str) -> dict[str, str]:
    """Ask the robot's `CacheGuard` whether the cache of index `key` has seen `generation`.

    The question is itself a request to the robot, and its guard checks before every request.
    Returns {name, outcome, detail}; `invalidated` only where the robot confirms this generation.
    """
    client = RobotClient(settings)
    try:
        found = client.caches()
    except RobotUnreachable as error:
        return _answer(key, UNREACHABLE, f"{error} {LASTS}")
    except RobotError as error:
        return _answer(
            key,
            NOT_CONFIRMED,
            f"{error} Is CacheGuard mounted in the robot (docs/robot.md)? {LASTS}",
        )
    except Exception as error:  # noqa: BLE001 - the list is published, whatever this meets
        return _answer(key, NOT_CONFIRMED, f"unexpected {type(error).__name__}: {error}. {LASTS}")
    state = found.caches.get(key)
    if state is None:
        return _answer(
            key, NOT_CONFIRMED, f"the robot's CacheGuard has no cache for {key}. {LASTS}"
        )
    if state.seen == generation:
        process = f" (process {found.pid})" if found.pid is not None else ""
        detail = f"the robot's cache has seen generation {generation}{process}"
        return _answer(key, INVALIDATED, detail)
    fault = state.error or f"it has seen generation {state.seen}, but {generation} was published"
    where = settings.url + CACHES
    if state.generation != generation:
        fault += "; it uses another home's files, or has not checked them since"
    return _answer(key, NOT_CONFIRMED, f"{where}: {fault}. {LASTS}")


def warnings_of(caches: list[dict[str, str]]) -> list[str]:
    """Return a warning for each cache that may still hold the old list."""
    return [
        f"The robot's cache of {one['name']} is {one['outcome'].replace('_', ' ')}: {one['detail']}"
        for one in caches
        if one["outcome"] != INVALIDATED
    ]


def _answer(name: str, outcome: str, detail: str) -> dict[str, str]:
    return {"name": name, "outcome": outcome, "detail": detail}
