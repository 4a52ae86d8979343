# Set the administrator's password from its Secret before the server starts; do nothing on an empty volume.
set -eu
[ -s "$PGDATA/PG_VERSION" ] || exit 0
postgres-check-data "$PGDATA"
password=$(cat "$POSTGRES_PASSWORD_FILE")
printf "ALTER ROLE postgres PASSWORD '%s'\n" "$password" | postgres --single -D "$PGDATA" postgres > /dev/null
