# One database for each file of the logins Secret: the file's name is database and login, its content the password.
# The passwords are letters and digits, and reach the server over TLS on standard input.
set -eu
for file in /run/secrets/logins/*; do
  name=$(basename "$file")
  password=$(cat "$file")
  echo "database $name"
  # ML Metadata's client speaks no newer way to log in.
  mariadb --no-defaults --host="$MYSQL_HOST" --user="$MYSQL_USER" --ssl <<SQL
CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$name'@'%' IDENTIFIED WITH mysql_native_password BY '$password' REQUIRE SSL;
ALTER USER '$name'@'%' IDENTIFIED WITH mysql_native_password BY '$password' REQUIRE SSL;
GRANT ALL PRIVILEGES ON $name.* TO '$name'@'%';
SQL
done
