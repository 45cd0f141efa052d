"""The embedded data server: tiled on SQLite, in a process of its own, on the loopback only.

Run as ``python -m operando.tiled_server --data DIR --runtime DIR``. It writes where it listens, and
the key for writing, into the runtime directory; anybody on this machine may read without a key.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import socket
import sqlite3
from pathlib import Path
from typing import Any

from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)

__all__ = ["initialise_catalog", "server_configuration", "tiled_address"]

logger = logging.getLogger(__name__)


def tiled_address(runtime: RuntimeDirectory) -> dict[str, Any] | None:
    """Return ``{"uri", "api_key"}`` of the embedded server, or None before its first start."""
    return read_json(_address_file(runtime))


def server_configuration(data: DataDirectory, *, port: int, api_key: str) -> dict[str, Any]:
    """Return tiled's configuration for one data directory.

    Args:
        data: Where catalogue, tables, frames and maps lie.
        port: TCP port on the loopback.
        api_key: Key for writing; reading needs none.
    """
    return {
        "authentication": {"single_user_api_key": api_key, "allow_anonymous_access": True},
        "trees": [
            {
                "path": "/",
                "tree": "catalog",
                "args": {
                    "uri": f"sqlite:///{_catalog_file(data)}",
                    # SQLite and not DuckDB, which loses rows when several threads write.
                    "writable_storage": [
                        str(data.catalog / "arrays"),
                        f"sqlite:///{_tables_file(data)}",
                    ],
                    "readable_storage": [str(data.frames), str(data.maps)],
                },
            }
        ],
        "media_types": {
            "BlueskyRun": {
                "application/json-seq": "bluesky_tiled_plugins.exporters:json_seq_exporter"
            }
        },
        "uvicorn": {"host": "127.0.0.1", "port": port},
    }


def initialise_catalog(data: DataDirectory) -> None:
    """Make the catalogue and the tables' file where they are missing.

    tiled can do this itself, in a second interpreter that imports everything once more.
    """
    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import UninitializedDatabase, check_database, stamp_head
    from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
    from tiled.catalog.core import ALL_REVISIONS, REQUIRED_REVISION, initialize_database

    (data.catalog / "arrays").mkdir(parents=True, exist_ok=True)
    # tiled sets WAL on its catalogue but not on its tables; without it readers block the writer.
    tables = sqlite3.connect(_tables_file(data))
    tables.execute("PRAGMA journal_mode=WAL")
    tables.close()
    uri = f"sqlite+aiosqlite:///{_catalog_file(data)}"

    async def make() -> bool:
        engine = create_async_engine(uri)
        try:
            await check_database(engine, REQUIRED_REVISION, ALL_REVISIONS)
        except UninitializedDatabase:
            await initialize_database(engine)
            return True
        finally:
            await engine.dispose()
        return False

    if asyncio.run(make()):
        stamp_head(ALEMBIC_INI_TEMPLATE_PATH, ALEMBIC_DIR, uri)


def serve(data: DataDirectory, runtime: RuntimeDirectory) -> None:
    """Serve the catalogue of a data directory until the process is told to end."""
    place, api_key = _take_place(runtime)
    port = int(place.getsockname()[1])
    configuration = server_configuration(data, port=port, api_key=api_key)
    initialise_catalog(data)

    import uvicorn
    from tiled.config import Config
    from tiled.server.app import build_app_from_config

    app = build_app_from_config(Config.model_validate(configuration))
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[place])


def _take_place(runtime: RuntimeDirectory) -> tuple[socket.socket, str]:
    """Return the socket to serve on and the key for writing, and tell where it is.

    The socket is kept from here on, because others look for free ports in the seconds of the
    imports. A server that starts again takes its old place, or a new one if that is taken.
    """
    known = tiled_address(runtime)
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind(("127.0.0.1", int(known["uri"].rsplit(":", 1)[1]) if known else 0))
    except OSError as error:
        logger.warning("the old port is taken: %s; taking another one", error)
        place.bind(("127.0.0.1", 0))
    uri = f"http://127.0.0.1:{place.getsockname()[1]}"
    api_key = str(known["api_key"]) if known else secrets.token_hex(32)
    write_json_atomically(_address_file(runtime), {"uri": uri, "api_key": api_key})
    return place, api_key


def _address_file(runtime: RuntimeDirectory) -> Path:
    return runtime.root / "tiled.json"


def _catalog_file(data: DataDirectory) -> Path:
    return data.catalog / "catalog.db"


def _tables_file(data: DataDirectory) -> Path:
    return data.catalog / "tables.db"


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="Serve the catalogue of a data directory.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    serve(DataDirectory.make(arguments.data), RuntimeDirectory(arguments.runtime))


if __name__ == "__main__":
    main()
