"""Whole runs at once, each in a process of this machine: what needs many small ones and no cluster."""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


def carried_out(
    function: Callable[..., Result], asked: Mapping[Key, tuple[object, ...]], workers: int
) -> Iterator[tuple[Key, Result]]:
    """Call a function for each key's arguments.

    Yields:
        (key, result) as each ends. Whatever stops it, an interruption included, ends the processes at once: what they
        do must be on disk when it counts.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        running = {pool.submit(function, *arguments): key for key, arguments in asked.items()}
        for done in as_completed(running):
            yield running[done], done.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        mine = set(multiprocessing.active_children()) - others
        for process in mine:
            process.terminate()
        for process in mine:
            process.join()
        raise
    pool.shutdown()
