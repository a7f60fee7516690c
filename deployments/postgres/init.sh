#!/bin/sh
# The same as roles.sql, at the first start of the database of compose.yaml, with the passwords of its secrets.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres <<'SQL'
\set owner `cat /run/secrets/owner`
\set service `cat /run/secrets/service`
CREATE ROLE bulwark_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner';
CREATE ROLE bulwark LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'service';
CREATE DATABASE bulwark OWNER bulwark_owner;
REVOKE ALL ON DATABASE bulwark FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE bulwark TO bulwark_owner;
GRANT CONNECT ON DATABASE bulwark TO bulwark;
SQL
