# One database for each file of the logins Secret: the file's name is database and login, its content the password.
set -eu
for file in /run/secrets/logins/*; do
  name=$(basename "$file")
  password=$(cat "$file")
  echo "database $name"
  mariadb --no-defaults --host="$MYSQL_HOST" --user=root <<SQL
CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$name'@'%' IDENTIFIED BY '$password';
ALTER USER '$name'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON $name.* TO '$name'@'%';
SQL
done
