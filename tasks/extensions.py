"""The leaf that keeps circles out: the two shared extension objects, with no import of ours."""

from typing import TYPE_CHECKING

from flask_socketio import SocketIO
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

# Named constraints, because Alembic cannot alter or drop a nameless one on SQLite.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base of every table."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:

    class Model(Base):
        """What Flask-SQLAlchemy makes of Base at run time, for the type checker."""

        __abstract__ = True
else:
    Model = db.Model
socketio = SocketIO()
