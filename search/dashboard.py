"""optuna-dashboard on a run's journal, which it can read and not change."""

import webbrowser
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from graft.search.engine.journal import shown
from graft.search.tracking.ui import HOST, usable
from graft.spaces.errors import InputError


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def serving(folder: Path, port: int | None = None) -> WSGIServer:
    """A server of the dashboard, on the loopback; ``serve_forever`` serves.

    Args:
        folder: Of the run, under way or not.
        port: Of the page; any that is free if None.

    Raises:
        InputError: If optuna-dashboard is not installed, the folder has no journal, or the port is taken.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise InputError(
            "graft dashboard needs optuna-dashboard, which is not installed; allowed: pip install 'graft[dashboard]'"
        ) from None
    path = folder / "optuna.journal"
    if not path.is_file():
        raise InputError(f"{path} is not there; allowed: the folder of a run that has begun to search")
    return make_server(HOST, usable(port), wsgi(shown(path)), handler_class=Quiet)


def dashboard(folder: Path, port: int | None, open_browser: bool) -> None:
    """Serve the dashboard until it is interrupted.

    Args:
        folder: Of the run.
        port: As of `serving`.
        open_browser: Whether a browser is opened on it.
    """
    with serving(folder, port) as server:
        link = f"http://{HOST}:{server.server_port}/dashboard/"
        print(f"{link}    (to end: Ctrl-C)", flush=True)
        if open_browser:
            webbrowser.open(link)
        server.serve_forever()
