"""How a program of the batch side ends: 0, or 1 after one clear line that names what failed and where."""

import sys
from collections.abc import Callable

import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError
from minio.error import MinioException
from sqlalchemy.exc import SQLAlchemyError

from contracts.settings import SettingsError, settings
from lakehouse.errors import LakeError, one_line


def exit_code(program: str, main: Callable[[], None]) -> int:
    try:
        main()
    except (LakeError, SettingsError) as error:
        return _ended(program, str(error))
    except ClickHouseError as error:
        return _ended(program, f"ClickHouse at {settings().url('CLICKHOUSE')}: {one_line(error)}")
    except SQLAlchemyError as error:
        return _ended(program, f"Iceberg catalogue in Postgres at {settings().address('POSTGRES')}: {one_line(error)}")
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        return _ended(program, f"object store at {settings().url('MINIO')}: {one_line(error)}")
    except OSError as error:
        # Arrow reports the store's errors as OSError; one of a local file names it.
        place = error.filename or f"object store at {settings().url('MINIO')}"
        return _ended(program, f"{place}: {one_line(error)}")
    return 0


def _ended(program: str, message: str) -> int:
    print(f"{program}: {message}", file=sys.stderr)
    return 1
