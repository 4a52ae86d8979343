# One database for each file of the logins Secret: the file's name is database and login, its content what the server
# keeps of the password (components/substrates/verifiers.py): server and client may print a statement that fails.
set -eu
for file in /run/secrets/logins/*; do
  name=$(basename "$file")
  verifier=$(cat "$file")
  echo "database $name"
  # ML Metadata's client speaks no newer way to log in.
  mariadb --no-defaults --host="$MYSQL_HOST" --user="$MYSQL_USER" \
    --ssl --ssl-verify-server-cert --ssl-ca="$MYSQL_AUTHORITIES" <<SQL
CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$name'@'%' IDENTIFIED WITH mysql_native_password AS '$verifier' REQUIRE SSL;
ALTER USER '$name'@'%' IDENTIFIED WITH mysql_native_password AS '$verifier' REQUIRE SSL;
GRANT ALL PRIVILEGES ON $name.* TO '$name'@'%';
SQL
done
