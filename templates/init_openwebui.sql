-- Open-WebUI's database, user, rights and extensions; for psql, connected as an administrator.
-- May be run again at any time. Names and literals come in
-- already quoted.
\set ON_ERROR_STOP on
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I', ${user_text})
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${user_text})
\gexec
-- What PostgreSQL keeps of a password (RFC 5803), not the password itself.
ALTER ROLE ${user} LOGIN PASSWORD ${verifier};

-- Whoever is no superuser (a managed server's administrator) must belong to the owner.
SELECT format('GRANT %I TO %I', ${user_text}, current_user)
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
   AND NOT pg_has_role(current_user, ${user_text}, 'MEMBER')
\gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''',
              ${database_text}, ${user_text})
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = ${database_text})
\gexec
ALTER DATABASE ${database} OWNER TO ${user};
REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC;
GRANT ALL ON DATABASE ${database} TO ${user};

\connect -reuse-previous=on ${connection}
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SELECT 'CREATE EXTENSION IF NOT EXISTS vector'
 WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')
\gexec
GRANT ALL ON SCHEMA public TO ${user};
GRANT ALL ON ALL TABLES IN SCHEMA public TO ${user};
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${user};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO ${user};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO ${user};
