"""A million recipients with devices and opt-outs, made by the database itself in a minute."""

from sqlalchemy import Connection, text

SERIES = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, CAST(:count AS integer)))",
}
COUNTRIES = "CASE i % 10 WHEN 0 THEN 'NP' WHEN 1 THEN 'NP' WHEN 2 THEN 'IN' WHEN 3 THEN 'DE' WHEN 4 THEN 'BR' ELSE 'KE' END"
AGE = {"sqlite": "datetime('now', '-' || (i % 700) || ' days')", "postgresql": "now() - make_interval(days => i % 700)"}
DAY = {
    "sqlite": "date('now', '-' || (i % 365) || ' days')",
    "postgresql": "to_char(now() - make_interval(days => i % 365), 'YYYY-MM-DD')",
}
OBJECT = {"sqlite": "json_object", "postgresql": "jsonb_build_object"}
TRUE = {"sqlite": ("1", "0"), "postgresql": ("true", "false")}
PAD = {"sqlite": "printf('%08d', i)", "postgresql": "lpad(i::text, 8, '0')"}


def fill(connection: Connection, count: int) -> None:
    """Write `count` people and what hangs on them into a migrated, empty database."""
    name = connection.dialect.name
    series, pad, (yes, no) = SERIES[name], PAD[name], TRUE[name]
    attributes = (
        f"{OBJECT[name]}('plan', CASE i % 10 WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' ELSE 'free' END, "
        f"'orders', i % 80, 'last_order', {DAY[name]}, 'city', 'City ' || (i % 300))"
    )
    people = (
        f"INSERT INTO recipients (id, external_id, name, email, phone, locale, timezone, country, attributes, is_active, "
        f"created_at, updated_at) {series} SELECT i, 'u' || i, 'Person ' || {pad}, "
        f"CASE WHEN i % 9 = 0 THEN '' ELSE 'person' || i || '@example.org' END, "
        f"CASE WHEN i % 7 = 0 THEN '' ELSE '+97798' || {pad} END, CASE i % 3 WHEN 0 THEN 'ne' WHEN 1 THEN 'en' ELSE 'de' END, "
        f"CASE i % 2 WHEN 0 THEN 'Asia/Kathmandu' ELSE 'Europe/Berlin' END, {COUNTRIES}, {attributes}, "
        f"CASE WHEN i % 100 = 0 THEN {no} ELSE {yes} END, {AGE[name]}, {AGE[name]} FROM n"
    )
    devices = (
        f"INSERT INTO devices (recipient_id, token, kind, platform, is_active, off_reason, created_at, updated_at) {series} "
        f"SELECT i, 'token-' || {pad}, 'token', 'android', CASE WHEN i % 20 = 0 THEN {no} ELSE {yes} END, '', {AGE[name]}, "
        f"{AGE[name]} FROM n WHERE i % 2 = 0"
    )
    opted = (
        f"INSERT INTO opt_outs (recipient_id, notification_type, channel, created_at) {series} "
        f"SELECT i, 'special_offer', '*', {AGE[name]} FROM n WHERE i % 12 = 0"
    )
    for statement in (people, devices, opted):
        connection.execute(text(statement), {"count": count})
    if name == "postgresql":  # the ids were given: the next one of its own comes after them
        connection.execute(text("SELECT setval('recipients_id_seq', :count)"), {"count": count})
