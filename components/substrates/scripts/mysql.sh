# Create one database for each file of the Secret of logins. The file's name is the name of the database and of its
# login. The file contains the verifier of the password (components/substrates/verifiers.py), because server and client
# may print a statement that fails.
# MYSQL_HOST and MYSQL_USER name the server and its administrator. With MYSQL_AUTHORITIES, a file of certificates, the
# server is verified and every login has to use TLS.
set -eu
verified="" required=""
if [ -n "${MYSQL_AUTHORITIES:-}" ]; then
  verified="--ssl --ssl-verify-server-cert --ssl-ca=$MYSQL_AUTHORITIES"
  required="REQUIRE SSL"
fi
for file in /run/secrets/logins/*; do
  [ -e "$file" ] || continue
  name=$(basename "$file")
  verifier=$(cat "$file")
  echo "database $name"
  # ML Metadata's client supports no newer authentication method. $verified contains options without spaces in them.
  mariadb --no-defaults --connect-timeout=5 --host="$MYSQL_HOST" --user="$MYSQL_USER" $verified <<SQL
CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$name'@'%' IDENTIFIED WITH mysql_native_password AS '$verifier' $required;
ALTER USER '$name'@'%' IDENTIFIED WITH mysql_native_password AS '$verifier' $required;
GRANT ALL PRIVILEGES ON $name.* TO '$name'@'%';
SQL
done
