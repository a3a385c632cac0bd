"""Whether MLflow's store can be used: a server that answers, or a database that the installed MLflow understands."""

import base64
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from graft.search.tracking.address import database, masked, of_database

ANSWER = 3.0
"""Seconds within which a server must answer."""


def problem(uri: str) -> str:
    """Why the store at ``uri`` cannot be used; empty if it can, or if it is of a kind that is not looked at."""
    if path := database(uri):
        return _database(path)
    if uri.startswith(("http://", "https://")):
        return _server(uri)
    return ""


def _database(path: Path) -> str:
    parent = next((place for place in path.parents if place.exists()), Path("/"))
    if not path.exists():
        return "" if parent.is_dir() and os.access(parent, os.W_OK) else f"{parent} cannot be written"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = {row[0] for row in database.execute("select version_num from alembic_version")}
    except sqlite3.Error as error:
        return f"{path} is no database of MLflow's: {error}"
    from graft.search.tracking.view import newest  # only where there is one: importing MLflow takes seconds

    if found != {newest()}:  # not by opening it, for MLflow upgrades some of the older ones unasked
        return f"{path} was made by another release of MLflow: mlflow db upgrade {of_database(path)}"
    return ""


def _server(uri: str) -> str:
    parts = urlsplit(uri)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    where = f"{bare}/api/2.0/mlflow/experiments/search?max_results=1"
    try:
        with urlopen(Request(where, headers=_credentials(uri, os.environ)), timeout=ANSWER):
            return ""
    except HTTPError as error:
        wrong = error.code in (401, 403)
        return f"{bare} answers {error.code}" + (": user or password is wrong" if wrong else "")
    except (URLError, OSError, ValueError) as error:
        return masked(f"{bare} does not answer: {getattr(error, 'reason', error)}", uri)


def _credentials(uri: str, environment: Mapping[str, str]) -> dict[str, str]:
    """As MLflow's client finds them: in the address, or in the environment."""
    parts = urlsplit(uri)
    user = unquote(parts.username or "") or environment.get("MLFLOW_TRACKING_USERNAME", "")
    password = unquote(parts.password or "") or environment.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    bearer = environment.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {bearer}"} if bearer else {}
