-- Two roles and the database, once, as an administrator of the server; neither role is one. Passwords are asked for:
--   psql -v ON_ERROR_STOP=1 -f deployments/postgres/roles.sql
-- bulwark_owner owns the schema: it migrates and restores. bulwark serves: see grants.sql.
CREATE ROLE bulwark_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE bulwark LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE bulwark OWNER bulwark_owner;
REVOKE ALL ON DATABASE bulwark FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE bulwark TO bulwark_owner;
GRANT CONNECT ON DATABASE bulwark TO bulwark;
\password bulwark_owner
\password bulwark
