"""``linli db``: make, migrate and check the database."""

from pathlib import Path

import click
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text

from app.settings import SettingsError, read_settings, sqlalchemy_url

MIGRATIONS = Path(__file__).parents[2] / "migrations"
OWNER, APPLICATION = "linli_owner", "linli_app"
SERVER_VERSION_MIN = 15

_NEVER_DELETED = (
    "checkouts",
    "orders",
    "order_lines",
    "payments",
    "payment_attempts",
    "refunds",
    "settlement_items",
    "settlement_refunds",
    "settlement_accounts",
    "statements",
    "payouts",
    "payout_batches",
    "payout_lines",
    "bank_files",
    "commission_rules",
    "recon_files",
    "recon_lines",
    "recon_items",
    "merchants",
    "shops",
    "offers",
    "skus",
    "communities",
    "stores",
)


def alembic_config(url: str) -> Config:
    """Return the configuration of the migrations for the database at ``url``."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


@click.group("db")
def db_commands() -> None:
    """Make, migrate and check the database."""


@db_commands.command("init")
@click.option("--admin-url", required=True, help="URL of a role that may create roles and databases.")
@click.option("--database", default="linli", show_default=True)
def init(admin_url: str, database: str) -> None:
    """Make the roles and the database, where they are not there yet."""
    engine = create_engine(sqlalchemy_url(admin_url), poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        refuse_old_server(admin)
        for role in (OWNER, APPLICATION):
            if not admin.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).scalar():
                admin.execute(text(f"CREATE ROLE {role} LOGIN"))
        quoted = admin.dialect.identifier_preparer.quote_identifier(database)
        if not admin.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}).scalar():
            admin.execute(text(f"CREATE DATABASE {quoted} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0"))
    click.echo(f"database {database}: owner {OWNER}, application role {APPLICATION}")


@db_commands.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest version."""
    url = read_settings().migration_database_url
    upgrade_database(url)
    click.echo("database is up to date")


def upgrade_database(url: str) -> None:
    """Migrate the database at ``url`` and settle what the application role may do there."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        refuse_old_server(connection)
    command.upgrade(alembic_config(url), "head")
    with engine.begin() as connection:
        _grant(connection)


def refuse_old_server(connection: Connection) -> None:
    """Refuse a server that lacks what we use.

    :raises SettingsError: the server is older than PostgreSQL 15.
    """
    version = connection.dialect.server_version_info or (0,)
    if int(version[0]) < SERVER_VERSION_MIN:
        raise SettingsError(f"PostgreSQL {SERVER_VERSION_MIN} or newer is needed, the server is {version[0]}")


def _grant(connection: Connection) -> None:
    """Give the application role its daily rights: rows of ``public``, never the ledger's tables."""
    user, exists = connection.execute(
        text("SELECT current_user, EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :role)"), {"role": APPLICATION}
    ).one()
    if not exists or user == APPLICATION:
        click.echo(
            "single-role mode: the application owns its tables, so the ledger's rule that nobody but its functions "
            "writes is not backed by rights (its triggers still refuse changes)"
        )
        return
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {APPLICATION}"))
    connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION}"))
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION}"))
    connection.execute(text(f"REVOKE DELETE ON {', '.join(_NEVER_DELETED)} FROM {APPLICATION}"))


@db_commands.command("check")
def check() -> None:
    """Say whether the migrations lead to what the models describe. Needs a migrated database."""
    import app.models  # noqa: F401, PLC0415 - fills the metadata
    from app.kernel.db import Base  # noqa: PLC0415

    head = (MIGRATIONS / "HEAD").read_text().strip()
    url = read_settings().migration_database_url
    heads = ScriptDirectory.from_config(alembic_config(url)).get_heads()
    if heads != [head]:
        raise click.ClickException(f"migrations/HEAD says {head}, the versions say {', '.join(heads)}")
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _o, name, kind, *_: not (kind == "table" and name.startswith("procrastinate_"))
            },
        )
        differences = compare_metadata(context, Base.metadata)
    if differences:
        raise click.ClickException(f"models and migrations differ: {differences}")
    click.echo("migrations match the models")
