"""The one place that knows Flask-SQLAlchemy: metadata, the ``db`` handle and the base of every model.

Sessions never begin by themselves (``autobegin=False``): outside :func:`app.kernel.transaction.transaction` nothing
touches the database, and SQLAlchemy enforces it.
"""

from datetime import datetime
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, MetaData, Text, Uuid
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Base of every mapped class: ``int`` is BIGINT (fen must fit), instants are ``timestamptz``, text is unbounded."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - the name and shape are SQLAlchemy's
        int: BigInteger(),
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
    }


db = SQLAlchemy(
    metadata=Base.metadata,
    session_options={"autobegin": False, "expire_on_commit": False, "autoflush": False},
    disable_autonaming=True,
)
