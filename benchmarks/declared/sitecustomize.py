"""Declare more lists in every process of a program, this checkout's or an older one's.

Python imports this module at its start where its folder is on PYTHONPATH; `DECLARED_LISTS` is the
number of lists. An auditing process that is started anew has to know them, too.
"""

import importlib
import os
from dataclasses import replace

MODEL = "sti"


def keys_of(number: int) -> list[str]:
    """Return the keys of the lists that are declared."""
    return [f"list{count:03}" for count in range(number)]


def declare(number: int) -> None:
    """Add `number` lists, before any other module has read what is declared."""
    try:
        indices = importlib.import_module("tws_maintenance.config.indices")
    except ModuleNotFoundError:  # f745bde
        indices = importlib.import_module("tws_maintenance.indices")
    model = indices.DECLARED[MODEL]
    # Each list's page decides by itself, as `pairs.settings_of` has it of the others.
    sources = tuple(one for one in model.sources if one.name == "wikipedia")
    alone = {"quorum": 1} if hasattr(model, "quorum") else {"membership": ("wikipedia",)}
    model = replace(model, sources=sources, **alone)
    added = {key: replace(model, key=key, name=f"List {key[4:]}") for key in keys_of(number)}
    indices.DECLARED.update(added)
    indices.INDICES.update(added)
    tasks = tuple(one.task for one in indices.DECLARED.values())
    derived = {"ALL_TASKS": (*tasks, indices.MARKET_EVENTS, indices.METADATA_VALIDATION)}
    # What f745bde derives once.
    lists = tuple(one.task for one in indices.INDICES.values())
    groups = {"all": (*lists, indices.MARKET_EVENTS), "constituents": lists}
    vars(indices).update(derived, CONSTITUENT_TASKS=lists, TASKS=derived["ALL_TASKS"])
    vars(indices)["TASK_GROUPS"] = groups


if "DECLARED_LISTS" in os.environ:
    declare(int(os.environ["DECLARED_LISTS"]))
