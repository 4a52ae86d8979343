-- Create a database and the login that owns it; safe to repeat. Variables: name (of database and login), file (with
-- the verifier of the login's password). The administrator need not be a superuser, and is not one on RDS.
\set ON_ERROR_STOP on
\set verifier `cat :'file'`

SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec

-- A server logs failed and slow statements in full. This statement contains a SCRAM verifier, not the password.
ALTER ROLE :"name" WITH LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'verifier';

-- Only a superuser or a member of a role can create a database that the role owns.
GRANT :"name" TO CURRENT_USER;

SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec

-- By default every login may connect to every database and create temporary tables in it.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
