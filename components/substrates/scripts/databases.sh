# Create one database for each file of the Secret of logins: the file's name is the login, its content the verifier of
# the password (components/substrates/verifiers.py).
set -eu
for file in /run/secrets/logins/*; do
  [ -e "$file" ] || continue
  name=$(basename "$file")
  echo "database $name"
  psql --no-psqlrc --quiet --dbname postgres --variable name="$name" --variable file="$file" --file /scripts/database.sql
done
