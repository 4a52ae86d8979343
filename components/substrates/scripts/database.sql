-- A database with a login that owns it; safe to repeat. Variables: name (database and login), file (its verifier).
-- The administrator need not be a superuser: on RDS it is not.
\set ON_ERROR_STOP on
\set verifier `cat :'file'`

SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec

-- A server logs statements that fail or are slow, in full. This one has a SCRAM verifier in it and no password.
ALTER ROLE :"name" WITH LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'verifier';

-- Who is no superuser can make a database for another role only as its member.
GRANT :"name" TO CURRENT_USER;

SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec

-- Otherwise every login may connect to, and make temporary tables in, every database.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
