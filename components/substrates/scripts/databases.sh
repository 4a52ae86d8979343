# Create one database for each file of the Secret of logins: the file's name is the login, its content the verifier of
# the password (components/substrates/verifiers.py).
set -eu
# End the connection 10 s after data that the server does not acknowledge; libpq has no variable for this.
server="dbname=postgres tcp_user_timeout=10000"
for file in /run/secrets/logins/*; do
  [ -e "$file" ] || continue
  name=$(basename "$file")
  echo "database $name"
  psql --no-psqlrc --quiet --dbname "$server" --variable name="$name" --variable file="$file" --file /scripts/database.sql
done
