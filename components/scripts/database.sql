-- A database with a login that owns it; safe to repeat. Variables: name (database and login), file (its password).
-- The administrator need not be a superuser: on RDS it is not.
\set ON_ERROR_STOP on
\set password `cat :'file'`

SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec

ALTER ROLE :"name" WITH LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'password';

-- Who is no superuser can make a database for another role only as its member.
GRANT :"name" TO CURRENT_USER;

SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec

-- Otherwise every login may connect to, and make temporary tables in, every database.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
